// The one event stream of a browser: follows the cart log, keeps what it heard for tabs that join later, and comes back
// by itself after a lost connection. Runs in the SharedWorker; where there is none, in the page.

const KEPT = 400;
const AGAIN_MS = 4000;
// The server says something every second and a half. A host that lost its power says nothing, and closes nothing either.
const SILENCE_MS = 3500;

/** Places in the log as pairs of big integers, so that they can be compared: "12-345" -> [12n, 345n]. */
function placeOf(text) {
  const [transaction, id] = String(text).split("-");
  return [BigInt(transaction || 0), BigInt(id || 0)];
}

function isAfter(a, b) {
  const [at, ai] = placeOf(a);
  const [bt, bi] = placeOf(b);
  return at > bt || (at === bt && ai > bi);
}

export class Stream {
  constructor(address) {
    this.address = address;
    this.listeners = new Set();
    this.kept = [];
    this.start = null;
    this.last = null;
    this.state = "connecting";
    this.figures = null;
  }

  /** A tab joins; `place` is where its page was drawn, or null when it only wants to be told of changes. */
  join(listener, place) {
    this.listeners.add(listener);
    if (!this.source) {
      this.start = this.last = place;
      this.open();
    } else if (place && this.start && isAfter(this.start, place)) {
      listener({ kind: "reset" });
    } else if (place) {
      for (const message of this.kept) if (isAfter(message.place, place)) listener(message);
    }
    listener({ kind: "state", state: this.state });
    if (this.figures) listener(this.figures);
  }

  leave(listener) {
    this.listeners.delete(listener);
    if (!this.listeners.size) this.close();
  }

  close() {
    this.source?.close();
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    this.source = null;
    this.kept = [];
  }

  open() {
    const address = this.last ? `${this.address}?after=${this.last}` : this.address;
    const source = new EventSource(address);
    this.source = source;
    this.listen();
    source.onopen = () => {
      this.listen();
      this.tellState("connected");
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return this.tellState("lost");
      clearTimeout(this.watch);
      // the server refused: signed out, or not up yet
      this.tellState("signed-out");
      this.timer = setTimeout(() => this.listeners.size && this.open(), AGAIN_MS);
    };
    source.addEventListener("carts", (event) => this.heard("carts", event));
    source.addEventListener("ping", () => this.listen());
    source.addEventListener("figures", (event) => {
      this.listen();
      this.figures = { kind: "figures", ...JSON.parse(event.data) };
      this.tell(this.figures);
    });
    source.addEventListener("reset", () => {
      this.kept = [];
      this.start = this.last = null;
      this.tell({ kind: "reset" });
    });
  }

  /** Something was heard. After a silence the connection is taken for dead, and another one opened. */
  listen() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      this.source?.close();
      this.tellState("lost");
      this.open();
    }, SILENCE_MS);
  }

  heard(kind, event) {
    this.listen();
    const message = { kind, place: event.lastEventId, ...JSON.parse(event.data) };
    if (this.last && !isAfter(message.place, this.last)) return;
    this.last = message.place;
    this.start ??= message.place;
    this.kept.push(message);
    if (this.kept.length > KEPT) this.start = this.kept.shift().place;
    this.tell(message);
  }

  tellState(state) {
    this.state = state;
    this.tell({ kind: "state", state });
  }

  tell(message) {
    for (const listener of this.listeners) listener(message);
  }
}

// Keeps open pages in step with the carts: rows and sentences of the live page, and the view of one cart.
// All markup comes drawn from the server, by the templates of the first paint.
import uPlot from "uplot";
import { Stream } from "./stream.js";

const TICK_MS = 5000;
const ADDRESS = "/api/v1/live";

/** Follow the stream of this browser, through the SharedWorker where there is one. */
function follow(place, listener) {
  const worker = document.querySelector('meta[name="live-worker"]')?.content;
  const name = `live-${document.documentElement.lang}-${document.body.dataset.user ?? ""}`;
  if (worker && "SharedWorker" in window) {
    const port = new SharedWorker(worker, { name, type: "module" }).port;
    port.onmessage = ({ data }) => listener(data);
    port.postMessage({ kind: "follow", address: ADDRESS, place });
    window.addEventListener("pagehide", () => port.postMessage({ kind: "leave" }));
  } else {
    const stream = new Stream(ADDRESS);
    stream.join(listener, place);
    window.addEventListener("pagehide", () => stream.leave(listener));
  }
  // a page that comes back out of the browser's memory has missed things: load it afresh
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

function drawn(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

/** Put a new version of an element in place of the old one, keeping the focus where it was. */
function renew(old, fresh) {
  const focused = old.contains(document.activeElement) ? [...old.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
  old.replaceWith(fresh);
  if (focused >= 0) fresh.querySelectorAll("a, button")[focused]?.focus();
}

class LivePage {
  constructor(root) {
    this.root = root;
    this.shops = new Set(root.dataset.shops.split(","));
    this.rows = root.querySelector("[data-live-carts]");
    this.entries = root.querySelector("[data-live-entries]");
    this.filters = root.querySelector("[data-live-filters]");
    this.pauseButton = document.querySelector("[data-live-pause]");
    this.stateLine = document.querySelector("[data-live-state]");
    this.waiting = null;
    this.chart = drawChart(root);
    this.restoreFilters();
    this.filters.addEventListener("input", () => {
      this.filter();
      this.rememberFilters();
    });
    this.filters.addEventListener("submit", (event) => event.preventDefault());
    this.pauseButton.addEventListener("click", () => this.pause());
    follow(root.dataset.liveCursor, (message) => this.take(message));
    setInterval(() => this.letGo(), TICK_MS);
    this.filter();
  }

  take(message) {
    if (message.kind === "state") return this.showState(message.state);
    if (message.kind === "reset") return location.reload();
    if (this.waiting && message.kind === "carts") {
      this.waiting.push(message);
      return this.showWaiting();
    }
    if (message.kind === "carts") this.apply(message);
    if (message.kind === "figures" && this.isAbout(message.shops)) this.showFigures(message);
  }

  apply({ carts, entries }) {
    for (const cart of carts) if (this.concerns(cart.shop)) this.showCart(cart);
    for (const entry of entries) if (this.concerns(entry.shop)) this.showEntry(entry);
    for (const list of [this.rows, this.entries]) trim(list, Number(this.root.dataset.most));
    this.filter();
  }

  concerns(shop) {
    return this.shops.has(String(shop));
  }

  /** Figures are of the shops last chosen, maybe in another tab: whether those are the ones of this page. */
  isAbout(shops) {
    return shops.length === this.shops.size && shops.every((shop) => this.concerns(shop));
  }

  showCart(cart) {
    if (!cart.html) return document.getElementById(`live-cart-${cart.id}`)?.remove();
    const fresh = drawn(cart.html);
    fresh.classList.add("is-fresh");
    const old = document.getElementById(fresh.id);
    if (old) renew(old, fresh);
    else this.rows.prepend(fresh);
  }

  /** A cart that nobody has touched for a while is no longer in use: it leaves, as it would on a fresh page. */
  letGo() {
    if (this.waiting) return;
    for (const row of [...this.rows.children]) if (age(row.querySelector("time")) > Number(this.root.dataset.keeps)) row.remove();
    this.filter();
  }

  showEntry(entry) {
    const fresh = drawn(entry.html);
    if (document.getElementById(fresh.id)) return;
    fresh.classList.add("is-fresh");
    this.entries.prepend(fresh);
  }

  showFigures({ html, additions }) {
    this.root.querySelector("#live-figures").innerHTML = html;
    this.chart?.setData(columns(additions));
  }

  showState(state) {
    const words = { connected: "connected", connecting: "connecting", lost: "lost", "signed-out": "signedOut" };
    this.stateLine.textContent = this.stateLine.dataset[words[state]];
    this.stateLine.dataset.state = state;
  }

  pause() {
    const held = this.waiting;
    this.waiting = held ? null : [];
    for (const message of held ?? []) this.apply(message);
    this.pauseButton.setAttribute("aria-pressed", String(!held));
    for (const word of this.pauseButton.querySelectorAll("[data-when]")) word.hidden = word.dataset.when !== String(!held);
    this.showWaiting();
  }

  showWaiting() {
    const badge = this.pauseButton.querySelector("[data-live-waiting]");
    const shops = (this.waiting ?? []).flatMap(({ entries, passed }) => [...entries.map(({ shop }) => shop), ...passed.map(([, shop]) => shop)]);
    const count = shops.filter((shop) => this.concerns(shop)).length;
    badge.hidden = !count;
    badge.textContent = count;
  }

  restoreFilters() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    for (const input of this.filters.elements) {
      if (!input.name || !wanted.has(input.name)) continue;
      if (input.type === "checkbox") input.checked = wanted.get(input.name) === "1";
      else input.value = wanted.get(input.name);
    }
  }

  filter() {
    const { least, known, people } = this.filters.elements;
    const fits = ({ dataset }) =>
      Number(dataset.total) >= Number(least.value || 0) &&
      (!known.checked || dataset.known === "yes") &&
      (!people.checked || dataset.bot === "no");
    for (const list of [this.rows, this.entries]) for (const item of list.children) item.hidden = !fits(item);
    for (const [name, list] of [["carts", this.rows], ["entries", this.entries]])
      this.root.querySelector(`[data-live-empty="${name}"]`).hidden = [...list.children].some((item) => !item.hidden);
  }

  /** The filters stand in the address, so that the page can be reloaded, kept and passed on. */
  rememberFilters() {
    const { least, known, people } = this.filters.elements;
    const state = new URLSearchParams({ least: least.value, known: known.checked ? "1" : "0", people: people.checked ? "1" : "0" });
    history.replaceState(null, "", `#${state}`);
  }
}

function trim(list, most) {
  while (list.children.length > most) list.lastElementChild.remove();
}

function columns(additions) {
  return [additions.map(([minute]) => minute), additions.map(([, count]) => count)];
}

/** Products added per minute. Colours come from the style sheet, times from the reader's language and the shop's zone. */
function drawChart(root) {
  const place = root.querySelector("[data-live-chart]");
  if (!place) return null;
  const line = getComputedStyle(place).color;
  const ink = getComputedStyle(place.parentElement).color;
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", timeZone: root.dataset.zone });
  const axis = { stroke: ink, grid: { show: false }, ticks: { show: false }, font: "11px sans-serif" };
  const chart = new uPlot(
    {
      width: place.clientWidth || 600,
      height: 110,
      cursor: { show: false },
      legend: { show: false },
      axes: [
        { ...axis, size: 24, space: 76, values: (self, times) => times.map((time) => clock.format(time * 1000)) },
        { ...axis, size: 32, splits: (self, index, low, high) => [0, Math.ceil(high / 2), Math.ceil(high)] },
      ],
      scales: { y: { range: (self, low, high) => [0, Math.max(4, high)] } },
      series: [{}, { stroke: line, fill: line.replace("rgb(", "rgba(").replace(")", ", 0.15)"), width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }],
    },
    columns(JSON.parse(document.getElementById("live-additions").textContent)),
    place,
  );
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 110 })).observe(place);
  return chart;
}

/** The view of one cart: its changing part is fetched again when something happens to that cart. */
class CartPage {
  constructor(root) {
    this.root = root;
    this.cart = Number(root.dataset.liveCart);
    this.busy = this.again = false;
    follow(root.dataset.liveCursor || null, (message) => this.take(message));
  }

  take(message) {
    if (message.kind === "reset" || (message.kind === "carts" && this.isIn(message))) this.refresh();
    if (message.kind === "state" && message.state === "connected") this.refresh();
  }

  /** `passed` are entries of which too many came at once to draw them all: their number, shop and cart. */
  isIn({ entries, passed }) {
    return entries.some(({ cart }) => cart === this.cart) || passed.some(([, , cart]) => cart === this.cart);
  }

  async refresh() {
    if (this.busy) return void (this.again = true);
    this.busy = true;
    try {
      const answer = await fetch(this.root.dataset.liveUrl, { headers: { "HX-Request": "true" } });
      if (answer.ok) this.show(await answer.text());
    } catch {
      // offline: the stream's next sign of life asks again
    }
    this.busy = false;
    if (this.again) {
      this.again = false;
      this.refresh();
    }
  }

  show(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    for (const fresh of [...template.content.children]) {
      const old = fresh.id && document.getElementById(fresh.id);
      if (old && !old.isEqualNode(fresh)) renew(old, fresh);
    }
    this.root.dispatchEvent(new CustomEvent("cart-renewed", { bubbles: true }));
  }
}

const drawnAt = document.querySelector("[data-now]")?.dataset.now;
const skew = drawnAt ? Date.parse(drawnAt) - Date.now() : 0;

/** Seconds since a moment, by the server's clock. */
function age(time) {
  return (Date.now() + skew - Date.parse(time.dateTime)) / 1000;
}

/** "3 minutes ago" grows old on a page that stays open: said anew every few seconds. */
function keepTimesFresh() {
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  setInterval(() => {
    for (const time of document.querySelectorAll("[data-live] time[datetime], [data-live-cart] time[data-ago]")) {
      const seconds = -age(time);
      const [unit, size] = steps.find(([, size]) => Math.abs(seconds) >= size) ?? steps.at(-1);
      time.textContent = words.format(-Math.max(1, Math.round(-seconds / size)), unit);
    }
  }, TICK_MS);
}

const live = document.querySelector("[data-live]");
if (live) new LivePage(live);
const cart = document.querySelector("[data-live-cart]");
if (cart) new CartPage(cart);
if (live || cart) keepTimesFresh();

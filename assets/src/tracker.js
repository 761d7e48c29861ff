// The tracker: a shop's own page tells Ghostcart what is in the cart, who the shopper says they are, and what was ordered.
//   <script src="https://ghostcart.example/tracker.js" data-key="pk_..." async></script>
//   ghostcart.cart({currency: "EUR", lines: [{sku: "MUG", name: "Mug", quantity: 1, price: "24.90"}]})
// No cookie, nothing of another site. What cannot be sent waits in localStorage, over pages and without a network.
// Nothing here may ever throw into the page.

const script = document.currentScript;
const early = window.ghostcart; // a stub that kept calls until we came: {q: [arguments, ...]}
const { key, dnt, consent: consentRule } = script?.dataset ?? {};
const BEAT = 45_000, LONGEST_WAIT = 300_000, MOST_KEPT = 50, MOST_SENT = 20;
const RETRIED = [408, 425, 429];
const LINE = ["id", "variant", "sku", "name", "option", "picture", "quantity", "price", "regular_price", "tax_rate", "total", "is_gift"];
const VOUCHER = ["code", "name", "amount"];
const TOTALS = ["products", "discount", "shipping", "tax", "total"];
const MONEY = ["price", "regular_price", "tax_rate", "amount", ...TOTALS];
const PERSON = ["email", "first_name", "last_name", "phone", "consent", "consent_text", "consent_version"];

const safely = (work) => (...given) => {
  try {
    return work(...given);
  } catch (error) {
    console.warn("ghostcart:", error);
  }
};

// -- what is kept -------------------------------------------------------------------------------

const prefix = `ghostcart:${key}:`;
const memory = new Map(); // where the browser lets nothing be kept
let storage = null;
try {
  localStorage.setItem(prefix, "");
  localStorage.removeItem(prefix);
  storage = localStorage;
} catch { /* private mode, or switched off */ }

const read = (name) => (storage ? storage.getItem(prefix + name) : memory.get(name) ?? null);
const keep = (name, value) => (storage ? storage.setItem(prefix + name, value) : memory.set(name, String(value)));
const drop = (name) => (storage ? storage.removeItem(prefix + name) : memory.delete(name));
const names = () =>
  (storage ? Object.keys(storage).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)) : [...memory.keys()]);
// one entry an event, never a list: two tabs cannot overwrite each other's
const queued = () => names().filter((name) => name.startsWith("q:")).sort();

const random = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18)))).replace(/\+/g, "-").replace(/\//g, "_");
const cartNumber = () => Number(read("n")) || 0;

function token() {
  let known = read("token");
  if (!known) keep("token", (known = random()));
  return known;
}

/** Now, and later than any moment before: what happened later counts, in whichever tab. */
function moment() {
  const now = Math.max(Date.now(), (Number(read("last")) || 0) + 1);
  keep("last", now);
  return now;
}

// -- sending ------------------------------------------------------------------------------------

const inFlight = new Set();
let wait = 0, notBefore = 0, timer;

// a plain text and no headers of our own: no preflight, so it still goes out while the page goes away
const message = (events) => JSON.stringify({ key, token: token(), sent: Date.now(), page: location.pathname.slice(0, 200), events });
const address = () => new URL("api/v1/track", script.src);

const post = (events) =>
  fetch(address(), {
    method: "POST",
    body: message(events),
    keepalive: true,
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });

const beacon = (events) => navigator.sendBeacon?.(address(), message(events));

async function send() {
  const now = queued().filter((name) => !inFlight.has(name)).slice(0, MOST_SENT);
  const events = now.map((name) => JSON.parse(read(name))).filter(Boolean);
  if (!events.length) return;
  now.forEach((name) => inFlight.add(name));
  try {
    const answer = await post(events);
    const isTaken = answer.ok || (answer.status < 500 && !RETRIED.includes(answer.status));
    if (!isTaken) throw Number(answer.headers.get("Retry-After")) * 1000 || 0;
    now.forEach(drop);
    wait = 0;
    const told = await answer.json();
    if (told.code || told.refused?.length) console.warn("ghostcart:", told.detail ?? told.refused);
    if (told.reference && events.some((event) => event.type === "cart" && event.n === cartNumber())) keep("reference", told.reference);
  } catch (asked) {
    wait = Math.min(Math.max(wait * 2 || 1000, Number(asked) || 0), LONGEST_WAIT);
    const pause = wait * (1 + Math.random() / 4);
    notBefore = Date.now() + pause;
    clearTimeout(timer);
    timer = setTimeout(flush, pause + 1);
  } finally {
    now.forEach((name) => inFlight.delete(name));
  }
  if (!wait) await send();
}

/** Send what waits, in order; of several tabs one after the other. */
const flush = safely(() => {
  if (!isOn() || navigator.onLine === false || Date.now() < notBefore || !queued().length) return;
  const sent = navigator.locks ? navigator.locks.request(`${prefix}send`, send) : send();
  sent.catch(() => {});
});

/** The page goes: no time to ask other tabs. What is told twice is taken once. */
const leave = safely(() => {
  if (!isOn()) return;
  const left = queued().filter((name) => !inFlight.has(name)).slice(0, MOST_SENT);
  const events = left.map((name) => JSON.parse(read(name))).filter(Boolean);
  if (!events.length) return;
  if ("keepalive" in Request.prototype) send();
  else beacon(events);
});

function add(type, what) {
  const event = { type, at: moment(), n: cartNumber(), ...what };
  for (const name of queued()) {
    // a newer picture of the same cart takes the place of one that was not sent
    if (type === "cart" && !inFlight.has(name) && read(name)?.startsWith(`{"type":"cart","at":`) && JSON.parse(read(name)).n === event.n) drop(name);
  }
  keep(`q:${event.at}:${Math.random().toString(36).slice(2, 8)}`, JSON.stringify(event));
  queued().slice(0, -MOST_KEPT).forEach(drop);
  flush();
}

// -- what pages call ----------------------------------------------------------------------------

/** Only the fields we know, money as text: 24.9 becomes "24.9", never a fraction that is not exact. */
function picked(from, fields) {
  const found = {};
  for (const field of fields) {
    const value = from?.[field];
    if (value === undefined || value === null) continue;
    found[field] = MONEY.includes(field) && typeof value === "number" ? String(+value.toFixed(6)) : value;
  }
  return found;
}

const lines = (told) => Array.from(told ?? [], (line) => ({ name: line.sku ?? line.id ?? "", ...picked(line, LINE) }));
const totals = (told) => (told.totals ? picked(told.totals, TOTALS) : told.total !== undefined ? picked(told, ["total"]) : undefined);

const calls = {
  /** The cart as it is now; told again on every page, it is sent only when it changed. */
  cart(told) {
    const what = { ...picked(told, ["currency", "language"]), lines: lines(told.lines) };
    if (told.vouchers) what.vouchers = Array.from(told.vouchers, (voucher) => picked(voucher, VOUCHER));
    if (totals(told)) what.totals = totals(told);
    if (told.checkout) what.is_checkout = true;
    const shown = JSON.stringify(what);
    if (read("cart") === shown || (!what.lines.length && !read("cart"))) return;
    keep("cart", shown);
    add("cart", what);
  },
  identify(told) {
    const what = picked(told, PERSON);
    const shown = JSON.stringify([cartNumber(), what]);
    if (read("who") === shown) return;
    keep("who", shown);
    add("identify", what);
  },
  order(told) {
    const what = { number: String(told.number), ...picked(told, ["currency"]) };
    if (read("ordered") === what.number) return; // the page of thanks was loaded again
    if (told.lines) what.lines = lines(told.lines);
    if (totals(told)) what.totals = totals(told);
    add("order", what);
    keep("ordered", what.number);
    keep("n", cartNumber() + 1);
    drop("cart");
    drop("reference");
  },
  heartbeat() {
    if (document.visibilityState === "visible" && navigator.onLine !== false) {
      post([{ type: "heartbeat", at: Date.now(), n: cartNumber() }]).catch(() => {});
    }
  },
  /** What the shop's server names this cart in its orders ("cart_source": "tracker"); null until it was sent. */
  reference: () => read("reference"),
};

// -- whether at all -----------------------------------------------------------------------------

const isUnwanted = dnt === "respect" && (navigator.doNotTrack === "1" || navigator.globalPrivacyControl === true);
const isOn = () => Boolean(key) && !isUnwanted && (consentRule === "required" ? read("consent") === "yes" : read("consent") !== "no");
const before = []; // called before the shopper has answered: kept for this page, nowhere else

const call = safely((name, ...given) => {
  if (!key || isUnwanted) return null;
  if (name === "consent") return answer(given[0]);
  if (!Object.hasOwn(calls, name)) return null;
  if (isOn()) return calls[name](...given);
  if (name !== "heartbeat" && name !== "reference") before.push([name, ...given]);
  return null;
});

/** The page tells what the shopper answered. With data-consent="required" nothing happens before; a no removes all that
 * was kept, but the no. */
function answer(isGiven) {
  if (!isGiven) {
    before.length = 0;
    names().forEach(drop);
    keep("consent", "no");
    return;
  }
  keep("consent", "yes");
  for (const one of before.splice(0)) call(...one);
  call("heartbeat");
  flush();
}

const ghostcart = (...given) => call(...given);
for (const name of [...Object.keys(calls), "consent"]) ghostcart[name] = (...given) => call(name, ...given);
window.ghostcart = ghostcart;

safely(() => {
  for (const one of early?.q ?? []) call(...one);
  if (!key || isUnwanted) return;
  flush();
  call("heartbeat");
  setInterval(() => call("heartbeat"), BEAT);
  addEventListener("online", () => {
    notBefore = 0;
    flush();
  });
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") flush();
    else call("heartbeat");
  });
})();

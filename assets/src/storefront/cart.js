// The cart as this tab knows it: one at a time it asks for changes, and it stays in step with the other tabs.
import * as api from "./api.js";
import { config, say, text, writeCookie } from "./page.js";

const HEARTBEAT = 30000;
const STALE = 10000;

/** The cart as the shop last told it; null until the first answer. */
export let current = null;

const listeners = new Set();
const channel = "BroadcastChannel" in window ? new BroadcastChannel(`ghostcart-${config.shop}`) : null;
let ticks = 0; // counts requests and answers, so that an answer overtaken by a newer one is known
let takenAt = 0;
let readAt = 0;
let queue = Promise.resolve();
let waiting = 0;

/** Call back now and whenever the cart changes; with `null` where it cannot be read. */
export function watch(listener) {
  listeners.add(listener);
}

function tell() {
  for (const listener of listeners) listener(current);
}

/** Take an answer as the cart, unless a newer one came while it was on its way. */
function take(next, startedAt) {
  const isOvertaken = current && next.version < current.version && startedAt < takenAt;
  if (isOvertaken) return;
  const isNews = !current || current.version !== next.version || current.status !== next.status;
  current = next;
  takenAt = ++ticks;
  tell();
  if (isNews) channel?.postMessage({ version: next.version, status: next.status });
  followCurrency();
}

export async function refresh() {
  const startedAt = ++ticks;
  try {
    const next = await api.read("/cart");
    readAt = Date.now();
    take(next, startedAt);
  } catch {
    if (!current) for (const listener of listeners) listener(null);
  }
}

/**
 * Change the cart. Changes of this tab go one after the other, so that each knows the version before it.
 * Says what went wrong and shows the cart as it is; throws the error for those who have more to say about it.
 * `before` is called when the answer is there, before it is shown.
 */
export function change(method, path, body, { isVersioned = false, isQuiet = false, before } = {}) {
  return queued(async () => {
    const startedAt = ++ticks;
    try {
      const next = await api.change(method, path, body, isVersioned ? current?.version : undefined);
      before?.();
      take(next, startedAt);
      return next;
    } catch (error) {
      before?.();
      await explain(error, isQuiet);
      throw error;
    }
  });
}

/** Place the order; on success this browser's cart is the next, empty one. */
export function order(body) {
  return queued(async () => {
    try {
      const placed = await api.change("POST", "/cart/checkout", body, current?.version);
      if (placed.next_cart_token) writeCookie(config.cookie, placed.next_cart_token);
      channel?.postMessage({ status: "ordered" });
      return placed.order;
    } catch (error) {
      await explain(error, true);
      throw error;
    }
  });
}

async function explain(error, isQuiet) {
  if (error instanceof api.Refused) {
    if (error.cart) take(error.cart, ++ticks);
    else if (error.status === 404 || error.status === 409) await refresh();
    else tell(); // what the shopper typed is put back to what holds
    if (error.message && (!isQuiet || error.code === "cart_changed")) say(error.message);
  } else {
    tell();
    if (!isQuiet) say(text("failed"), 0);
  }
}

function queued(task) {
  waiting++;
  const run = queue.then(task).finally(() => { waiting--; });
  queue = run.catch(() => {});
  return run;
}

const pendings = new Set();

/** Something to do before the shopper leaves or orders, such as a quantity that is still being stepped. */
export function beforeLeaving(flush) {
  pendings.add(flush);
}

/** Resolves once everything that the shopper did is with the shop. */
export async function settled() {
  for (const flush of pendings) flush();
  await queue;
}

// -- in step with the other tabs, the back button and the currency ---------------------------------

function followCurrency() {
  if (!current.items || !current.currency || current.currency === config.currency) return;
  const mark = `currency-${config.shop}`;
  if (sessionStorage.getItem(mark) === current.currency) return; // the page cannot show it: no endless reloading
  sessionStorage.setItem(mark, current.currency);
  writeCookie(config.currencyCookie, current.currency);
  location.reload();
}

function heartbeat() {
  if (document.visibilityState !== "visible" || !api.token()) return;
  const headers = { "Ghostcart-Shop": config.key, "Ghostcart-Cart": api.token(), "Content-Type": "application/json" };
  const body = JSON.stringify({ page: location.pathname.slice(0, 200) });
  fetch(`${config.api}/cart/heartbeat`, { method: "POST", headers, body }).catch(() => {});
}

export function start() {
  channel?.addEventListener("message", ({ data }) => {
    if (data.status === "ordered" || data.version !== current?.version) refresh();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) refresh();
    heartbeat();
  });
  addEventListener("pagehide", () => { for (const flush of pendings) flush(); });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    heartbeat();
    if (Date.now() - readAt > STALE) refresh();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-after-changes]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    for (const flush of pendings) flush();
    if (!waiting) return;
    event.preventDefault();
    settled().then(() => location.assign(link.href));
  });
  setInterval(heartbeat, HEARTBEAT);
  if (api.token()) refresh();
  else tell();
}

// One call of the store API. A change carries an Idempotency-Key and is tried again with the same key until the shop
// has answered: however often it arrives, it happens once.
import { config, readCookie, say, text, writeCookie } from "./page.js";

const WAITS = [400, 1000, 2000, 4000, 8000, 15000];
const PATIENCE = 15000;

/** The shop said no: `code` for us, `message` for the shopper, `cart` where the cart had changed meanwhile. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || "");
    this.status = status;
    this.code = problem.code || "";
    this.cart = problem.cart;
  }
}

/** The shop did not answer, or not sensibly. */
class Unreachable extends Error {}

export function token() {
  return readCookie(config.cookie);
}

export const read = (path) => call("GET", path, undefined, { waits: WAITS.slice(0, 3) });

/** A change: `version` is that of the cart the shopper looked at, where it matters. */
export function change(method, path, body, version) {
  return call(method, path, body, { version, key: crypto.randomUUID?.() ?? fallbackKey(), waits: WAITS, isTold: true });
}

async function call(method, path, body, { version, key, waits, isTold }) {
  if (!token()) await newToken();
  let hasNewToken = false;
  let wasLost = false;
  for (let attempt = 0; ; attempt++) {
    const response = await send(method, path, body, version, key);
    if (response?.status === 401 && !hasNewToken) {
      hasNewToken = true;
      await newToken();
      continue;
    }
    if (response && ![502, 503, 504].includes(response.status)) {
      const answer = response.status === 204 ? null : await response.json().catch(() => undefined);
      if (answer !== undefined) {
        if (wasLost && isTold) say(text("reconnected"));
        if (response.ok) return answer;
        throw new Refused(response.status, answer);
      }
      if (response.status >= 400) throw new Unreachable();
    }
    if (attempt >= waits.length) throw new Unreachable();
    if (isTold && attempt > 0 && !wasLost) {
      wasLost = true;
      say(text("retrying"), 0);
    }
    await pause(waits[attempt]);
  }
}

async function send(method, path, body, version, key) {
  const headers = {
    "Ghostcart-Shop": config.key,
    "Ghostcart-Cart": token(),
    "Ghostcart-Currency": config.currency,
    "Accept-Language": config.language,
  };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  try {
    return await fetch(config.api + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      keepalive: method !== "GET", // a change is finished even when the shopper is on the way to the next page
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    return null;
  }
}

/** A token of a shop that gave none, or whose token is no longer good. */
async function newToken() {
  const headers = { "Ghostcart-Shop": config.key, "Content-Type": "application/json" };
  const response = await fetch(`${config.api}/carts`, { method: "POST", headers, body: "{}" }).catch(() => null);
  if (!response?.ok) throw new Unreachable();
  writeCookie(config.cookie, (await response.json()).token);
}

/** Wait, but no longer than until the connection comes back. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
  });
}

/** randomUUID exists on secure pages only; a shop tried out over plain HTTP in the office still needs keys. */
function fallbackKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

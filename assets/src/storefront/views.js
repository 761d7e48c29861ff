// Every place that shows the cart (drawer, cart page, checkout, account) is an element with data-cart-view.
import { Refused } from "./api.js";
import * as cart from "./cart.js";
import { config, fromTemplate, nameOf, picture, say, setText, text } from "./page.js";

const STEP_PAUSE = 350; // a row of clicks on + becomes one change
const MOST_UNDO = 3;

/** Quantities that were typed or stepped but not sent yet, by line. */
const pending = new Map();
/** Lines that were taken out and may be put back: {line, index}. */
let removed = [];

/** Show the cart in a place that was closed, and so left out, until now. */
export function showAgain(root) {
  show(root, cart.current);
}

export function startCartViews() {
  const views = [...document.querySelectorAll("[data-cart-view]")];
  for (const root of views) {
    root.addEventListener("click", (event) => onClick(event, root));
    root.addEventListener("input", (event) => {
      if (event.target.matches("[data-quantity]")) event.target.dataset.typing = "yes";
    });
    root.addEventListener("change", (event) => {
      if (!event.target.matches("[data-quantity]")) return;
      delete event.target.dataset.typing;
      setQuantity(event.target, Number(event.target.value), 0);
    });
    root.querySelector("[data-voucher-form]")?.addEventListener("submit", redeem);
  }
  cart.beforeLeaving(() => { for (const key of [...pending.keys()]) send(key); });
  cart.watch((current) => {
    for (const root of views) show(root, current);
  });
}

// -- showing --------------------------------------------------------------------------------------

function show(root, current) {
  if (root.closest("dialog:not([open])")) return; // drawn when it opens
  const isThere = current !== null;
  const isFull = isThere && current.lines.length > 0;
  const state = !isThere ? "none" : isFull ? "full" : "empty";
  for (const part of root.querySelectorAll("[data-show]")) part.hidden = part.dataset.show !== state;
  const problem = root.querySelector("[data-problem]");
  if (problem) {
    problem.hidden = isThere;
    setText(problem, isThere ? "" : text("unreadable"));
  }
  if (!isThere) return;
  showLines(root.querySelector("[data-lines]"), current);
  showVouchers(root.querySelector("[data-vouchers]"), current);
  if (isFull) showSums(root, current);
}

function showLines(list, current) {
  const template = list.dataset.lines;
  const canUndo = template === "line";
  const wanted = current.lines.map((line) => ({ key: line.key, line }));
  removed = removed.filter(({ line }) => !current.lines.some((other) => other.key === line.key));
  if (canUndo) {
    for (const { line, index } of removed) wanted.splice(Math.min(index, wanted.length), 0, { key: `undo:${line.key}`, gone: line });
  }
  const present = new Map([...list.children].map((row) => [row.dataset.key, row]));
  wanted.forEach(({ key, line, gone }, place) => {
    let row = present.get(key);
    present.delete(key);
    if (!row) {
      row = fromTemplate(gone ? "removed" : template);
      row.dataset.key = key;
    }
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
    if (gone) setText(row.querySelector("[data-text]"), text("removed", { name: nameOf(gone) }));
    else showLine(row, line);
  });
  for (const row of present.values()) row.remove();
  if (list.matches(".lines--scroll")) {
    list.tabIndex = list.scrollHeight > list.clientHeight ? 0 : -1; // only what scrolls must be reached by keyboard
  }
}

function showLine(row, line) {
  const part = (name) => row.querySelector(`[data-${name}]`);
  const image = part("picture");
  const source = picture(line.picture);
  if (image.getAttribute("src") !== source) image.setAttribute("src", source);
  setText(part("name"), line.name);
  setText(part("option"), line.option || "");
  setText(part("total"), line.is_gift ? text("gift") : line.total.text);
  setText(part("times"), `${line.quantity}`);
  const isShort = line.stock !== null && line.stock < line.quantity;
  const note = part("note");
  note.hidden = !isShort;
  setText(note, !isShort ? "" : line.stock ? text("notEnough", { stock: line.stock }) : text("soldOut"));
  if (!part("quantity")) return;
  for (const link of row.querySelectorAll("[data-link]")) link.href = config.bySku.replace("SKU", encodeURIComponent(line.sku));
  setText(part("unit"), line.is_gift ? "" : text("each", { price: line.unit_price.text }));
  const regular = part("regular");
  regular.hidden = !line.regular_price;
  setText(regular, line.regular_price?.text ?? "");
  showStepper(row, line);
}

function showStepper(row, line) {
  row.querySelector("[data-stepper]").hidden = line.is_gift;
  const remove = row.querySelector("[data-remove]");
  remove.hidden = line.is_gift;
  const values = { name: nameOf(line) };
  remove.setAttribute("aria-label", text("remove", values));
  const [less, more] = row.querySelectorAll("[data-step]");
  const input = row.querySelector("[data-quantity]");
  less.setAttribute("aria-label", text("decrease", values));
  more.setAttribute("aria-label", text("increase", values));
  input.setAttribute("aria-label", text("quantityOf", values));
  const quantity = pending.get(line.key)?.quantity ?? line.quantity;
  if (!input.dataset.typing) input.value = quantity;
  less.setAttribute("aria-disabled", quantity <= 1);
  more.setAttribute("aria-disabled", line.stock !== null && quantity >= line.stock);
}

function showVouchers(list, current) {
  if (!list) return;
  list.hidden = !current.vouchers.length;
  list.replaceChildren(...current.vouchers.map((voucher) => {
    const row = fromTemplate("voucher");
    row.dataset.code = voucher.code;
    setText(row.querySelector("[data-code]"), voucher.code);
    setText(row.querySelector("[data-name]"), voucher.name);
    const takes = voucher.free_shipping ? text("freeShipping") : voucher.amount.minor ? `−${voucher.amount.text}` : "";
    setText(row.querySelector("[data-amount]"), takes);
    const refusal = row.querySelector("[data-refusal]");
    refusal.hidden = !voucher.refusal_text;
    setText(refusal, voucher.refusal_text ?? "");
    row.querySelector("[data-remove]").setAttribute("aria-label", text("removeVoucher", { code: voucher.code }));
    return row;
  }));
}

function showSums(root, current) {
  const { totals } = current;
  const sums = {
    products: totals.products.text,
    discount: `−${totals.discount.text}`,
    shipping: totals.shipping.minor ? totals.shipping.text : text("free"),
    tax: totals.tax.text,
    total: totals.total.text,
  };
  for (const place of root.querySelectorAll("[data-sum]")) setText(place, sums[place.dataset.sum]);
  const row = (name, isShown) => {
    for (const element of root.querySelectorAll(`[data-row="${name}"]`)) element.hidden = !isShown;
  };
  row("discount", totals.discount.minor > 0);
  row("shipping", current.shipping_method !== null);
  row("tax-included", current.prices_include_tax);
  row("tax-on-top", !current.prices_include_tax);
  const method = current.shipping_methods.find(({ code }) => code === current.shipping_method);
  for (const place of root.querySelectorAll("[data-shipping-name]")) setText(place, method?.name ?? "");
}

// -- changing -------------------------------------------------------------------------------------

function onClick(event, root) {
  const button = event.target.closest("button");
  const row = button?.closest("[data-key], [data-code]");
  if (!row || button.getAttribute("aria-disabled") === "true") return;
  if (row.dataset.code !== undefined) removeVoucher(row.dataset.code, root);
  else if (button.dataset.step) step(row, Number(button.dataset.step));
  else if (button.matches("[data-remove]")) remove(row.dataset.key, root);
  else if (button.matches("[data-undo]")) undo(row.dataset.key.slice("undo:".length), root);
}

function lineOf(key) {
  return cart.current.lines.find((line) => line.key === key);
}

function step(row, by) {
  const input = row.querySelector("[data-quantity]");
  setQuantity(input, Number(input.value) + by, STEP_PAUSE);
}

/** Remember the wanted quantity, show it, and send it when the shopper has stopped stepping. */
function setQuantity(input, quantity, wait) {
  const { key } = input.closest("[data-key]").dataset;
  const line = lineOf(key);
  if (!line) return;
  const isSensible = Number.isInteger(quantity) && quantity >= 0 && quantity <= 9999;
  clearTimeout(pending.get(key)?.timer);
  pending.delete(key);
  if (isSensible && quantity === 0) {
    remove(key, input.closest("[data-cart-view]"));
    return;
  }
  if (isSensible && quantity !== line.quantity) {
    pending.set(key, { quantity, timer: setTimeout(() => send(key), wait) });
  }
  showStepper(input.closest("[data-key]"), line);
}

function send(key) {
  const wanted = pending.get(key);
  if (!wanted || wanted.isSent) return;
  clearTimeout(wanted.timer);
  wanted.isSent = true;
  const done = () => { if (pending.get(key) === wanted) pending.delete(key); };
  // `pending` is cleared before the answer is shown, so that what is shown is what the shop said.
  const { quantity } = wanted;
  cart.change("PUT", `/cart/lines/${encodeURIComponent(key)}`, { quantity }, { isVersioned: true, before: done })
    .then((next) => {
      const line = next.lines.find((other) => other.key === key);
      if (line) say(text("quantity", { name: nameOf(line), quantity: line.quantity }));
    })
    .catch(() => {});
}

async function remove(key, root) {
  const index = cart.current.lines.findIndex((line) => line.key === key);
  const line = cart.current.lines[index];
  if (!line) return;
  clearTimeout(pending.get(key)?.timer);
  pending.delete(key);
  try {
    removed = [...removed.filter((entry) => entry.line.key !== key), { line, index }].slice(-MOST_UNDO);
    await cart.change("DELETE", `/cart/lines/${encodeURIComponent(key)}`, undefined);
    say(text("removed", { name: nameOf(line) }));
    root.querySelector(`[data-key="undo:${CSS.escape(key)}"] [data-undo]`)?.focus();
  } catch {
    removed = removed.filter((entry) => entry.line.key !== key);
  }
}

async function undo(key, root) {
  const entry = removed.find(({ line }) => line.key === key);
  if (!entry || entry.isBusy) return;
  entry.isBusy = true;
  try {
    await cart.change("POST", "/cart/lines", { sku: entry.line.sku, quantity: entry.line.quantity });
    say(text("restored", { name: nameOf(entry.line) }));
    root.querySelector(`[data-key="${CSS.escape(key)}"] [data-remove]`)?.focus();
  } catch {
    entry.isBusy = false;
  }
}

async function redeem(event) {
  event.preventDefault();
  const form = event.target;
  const input = form.elements.code;
  const problem = form.querySelector("[data-voucher-problem]");
  const code = input.value.trim();
  const complain = (sentence) => {
    problem.textContent = sentence;
    input.setAttribute("aria-invalid", sentence !== "");
    if (sentence) input.focus();
  };
  if (!code) return complain(text("required"));
  if (form.dataset.busy) return undefined;
  form.dataset.busy = "yes";
  complain("");
  try {
    await cart.change("POST", "/cart/vouchers", { code }, { isQuiet: true });
    input.value = "";
    say(text("voucherApplied", { code: code.toUpperCase() }));
  } catch (error) {
    complain(error instanceof Refused ? error.message : text("failed"));
  } finally {
    delete form.dataset.busy;
  }
  return undefined;
}

async function removeVoucher(code, root) {
  try {
    await cart.change("DELETE", `/cart/vouchers/${encodeURIComponent(code)}`, undefined);
    say(text("voucherRemoved", { code }));
    root.querySelector("#voucher-code")?.focus();
  } catch { /* said already */ }
}

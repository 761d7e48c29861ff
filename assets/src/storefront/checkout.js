// The checkout: delivery and payment as they are chosen, and one order however often the button is pressed.
import { Refused } from "./api.js";
import * as cart from "./cart.js";
import { config, fromTemplate, setText, text } from "./page.js";

const FIELD_OF_CODE = { bad_email: "email", email_needed: "email", unknown_shipping_method: "shipping_method" };
const CONTACT = ["email", "phone"];
const ADDRESS = ["first_name", "last_name", "street", "postcode", "city", "country"];

export function startCheckout() {
  const form = document.querySelector("[data-checkout]");
  if (!form) return;
  let isTold = false;
  cart.watch((current) => {
    if (!current?.lines.length) return;
    showMethods(form, current);
    if (!isTold) cart.change("POST", "/cart/checkout/start", {}, { isQuiet: true }).catch(() => {});
    isTold = true;
  });
  form.addEventListener("change", (event) => {
    const { name } = event.target;
    if (name === "shipping_method") chooseShipping(event.target.value);
    if (name === "payment") showCardChoice(form);
    if (name === "email" || name === "consent") identify(form);
    if (event.target.getAttribute("aria-invalid") === "true") check(form, event.target);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    order(form);
  });
  showCardChoice(form);
}

/** Only a demonstration shop takes the card that is none. */
function showCardChoice(form) {
  const choice = form.querySelector("[data-card-choice]");
  if (choice) choice.hidden = form.elements.payment.value !== "demo_card";
}

function showMethods(form, current) {
  const place = form.querySelector("[data-shipping-methods]");
  const mark = JSON.stringify(current.shipping_methods);
  if (place.dataset.mark !== mark) {
    place.dataset.mark = mark;
    place.replaceChildren(...current.shipping_methods.map((method) => {
      const row = fromTemplate("shipping-method");
      row.querySelector("input").value = method.code;
      setText(row.querySelector("[data-name]"), method.name);
      setText(row.querySelector("[data-price]"), method.price.minor ? method.price.text : text("free"));
      return row;
    }));
  }
  for (const input of place.querySelectorAll("input")) input.checked = input.value === current.shipping_method;
}

function chooseShipping(method) {
  cart.change("PUT", "/cart/shipping", { method }).catch(() => {});
}

let identified = "";

/** Who ticks the box asks us to keep the cart: the address goes with it at once. Without the tick it waits for the order. */
function identify(form) {
  const { email, consent } = form.elements;
  const isWanted = consent.checked || identified !== "";
  if (!isWanted || !email.value.trim() || !email.validity.valid) return;
  const body = contact(form);
  const mark = JSON.stringify(body);
  if (mark === identified) return;
  identified = mark;
  cart.change("PUT", "/cart/identity", body, { isQuiet: true }).catch(() => { identified = ""; });
}

function contact(form) {
  const values = Object.fromEntries(CONTACT.map((name) => [name, form.elements[name].value.trim()]));
  const box = form.elements.consent;
  return {
    ...values,
    consent: box.checked,
    consent_text: form.querySelector("[data-consent-text]").textContent.trim(),
    consent_version: box.dataset.version,
  };
}

// -- what is missing ------------------------------------------------------------------------------

function complain(form, name, sentence) {
  const place = form.querySelector(`[data-error-for="${name}"]`);
  setText(place, sentence);
  const field = form.elements[name];
  if (field instanceof HTMLElement) field.setAttribute("aria-invalid", sentence !== "");
}

function check(form, field) {
  const { validity } = field;
  const isBlank = field.required && !field.value.trim();
  const sentence = isBlank ? text("required") : validity.typeMismatch ? text("badEmail") : "";
  complain(form, field.name, sentence);
  return !sentence;
}

/** Shows what is missing beside each field; returns the first one. */
function firstMistake(form) {
  const fields = [...CONTACT, ...ADDRESS].map((name) => form.elements[name]);
  const wrong = fields.filter((field) => !check(form, field));
  const hasMethod = Boolean(form.elements.shipping_method?.value);
  complain(form, "shipping_method", hasMethod ? "" : text("choose"));
  return wrong[0] ?? (hasMethod ? undefined : form.querySelector("[name=shipping_method]"));
}

// -- ordering -------------------------------------------------------------------------------------

let isOrdering = false;

async function order(form) {
  if (isOrdering) return;
  const problem = form.querySelector("[data-checkout-problem]");
  problem.hidden = true;
  const mistake = firstMistake(form);
  if (mistake) {
    mistake.focus();
    return;
  }
  isOrdering = true;
  const label = form.querySelector("[data-order] span");
  const usual = label.textContent;
  label.textContent = text("ordering");
  form.setAttribute("aria-busy", "true");
  try {
    await cart.settled();
    const placed = await cart.order(wish(form));
    location.assign(config.thanks.replace("TOKEN", encodeURIComponent(placed.token)));
    return; // the button stays as it is until the next page is there
  } catch (error) {
    const isRefused = error instanceof Refused && error.message;
    problem.textContent = isRefused ? error.message : text("failed");
    problem.hidden = false;
    const field = FIELD_OF_CODE[error.code];
    if (field) complain(form, field, error.message);
    problem.focus();
  }
  isOrdering = false;
  label.textContent = usual;
  form.removeAttribute("aria-busy");
}

function wish(form) {
  const value = (name) => form.elements[name].value.trim();
  return {
    contact: { ...contact(form), first_name: value("first_name"), last_name: value("last_name") },
    address: Object.fromEntries(ADDRESS.map((name) => [name, value(name)])),
    shipping_method: value("shipping_method"),
    payment: value("payment"),
    card: form.elements.card?.value, // only a demonstration shop asks
  };
}

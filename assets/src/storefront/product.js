// The product page: choosing a variant changes picture, price and stock; adding opens the drawer.
import { Refused } from "./api.js";
import * as cart from "./cart.js";
import { open } from "./drawer.js";
import { picture, setText, text } from "./page.js";

const BREATH = 600; // no hand means to add twice within this time: the rest of a double click

export function startProduct() {
  const form = document.querySelector("[data-buy]");
  if (!form) return;
  const choices = JSON.parse(document.getElementById("product-choices").textContent);
  const button = form.querySelector("[data-add]");
  const axes = [...form.querySelectorAll("[data-axis]")];

  form.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    if (!step) return;
    const input = form.elements.quantity;
    input.value = Math.min(9999, Math.max(1, (Number(input.value) || 1) + Number(step.dataset.step)));
  });
  form.addEventListener("change", (event) => {
    const axis = event.target.closest("[data-axis]");
    if (!axis) return;
    const chosen = choose(choices, wanted(axes), Number(axis.dataset.axis));
    showChoice(form, axes, choices, chosen);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(form, button);
  });
  const start = choices.find((choice) => choice.sku === button.dataset.sku) ?? choices[0];
  showChoice(form, axes, choices, start, false);
}

function wanted(axes) {
  return axes.map((axis) => axis.querySelector("input:checked")?.value);
}

/** A variant's words, one for each axis shown. */
function valuesOf(choice, width) {
  return choice.values.length === width ? choice.values : [choice.text || choice.sku];
}

/** The variant that has all the wanted values; else the best with the value chosen last, one in stock first. */
function choose(choices, values, place) {
  const fit = (choice) => valuesOf(choice, values.length).filter((value, index) => value === values[index]).length;
  const candidates = choices.filter((choice) => valuesOf(choice, values.length)[place] === values[place]);
  return candidates.sort((a, b) => fit(b) - fit(a) || (b.stock > 0) - (a.stock > 0))[0];
}

function showChoice(form, axes, choices, choice, isChange = true) {
  const own = valuesOf(choice, axes.length);
  axes.forEach((axis, place) => {
    setText(axis.querySelector("[data-axis-value]"), own[place]);
    for (const input of axis.querySelectorAll("input")) {
      input.checked = input.value === own[place];
      // Crossed out: what cannot be had together with what is chosen on the other axes.
      const fits = choices.filter((other) => {
        const values = valuesOf(other, axes.length);
        return values[place] === input.value && values.every((value, index) => index === place || value === own[index]);
      });
      input.parentElement.classList.toggle("is-gone", !fits.some((other) => other.stock > 0));
    }
  });
  const button = form.querySelector("[data-add]");
  button.dataset.sku = choice.sku;
  button.disabled = choice.stock <= 0;
  if (!isChange) return;
  setText(form.querySelector("[data-price]"), choice.price);
  form.querySelector("[data-regular]").hidden = !choice.regular;
  setText(form.querySelector("[data-regular-text]"), choice.regular);
  form.querySelector("[data-reduction]").hidden = !choice.regular;
  setText(form.querySelector("[data-reduction-text]"), `${choice.reduction}`);
  showStock(form.querySelector("[data-stock]"), choice.stock);
  const image = document.querySelector("[data-main-picture]");
  if (image.getAttribute("src") !== picture(choice.picture)) image.src = picture(choice.picture);
  image.alt = choice.text ? `${image.dataset.name}, ${choice.text}` : image.dataset.name;
  history.replaceState(history.state, "", `?sku=${encodeURIComponent(choice.sku)}`);
}

function showStock(place, stock) {
  const isFew = stock < Number(place.dataset.few);
  const dot = place.querySelector(".stock__dot");
  dot.classList.toggle("stock__dot--gone", stock <= 0);
  dot.classList.toggle("stock__dot--few", stock > 0 && isFew);
  const sentence = stock <= 0 ? text("soldOut") : isFew ? text("onlyLeft", { stock }) : text("inStock");
  setText(place.querySelector("[data-stock-text]"), sentence);
}

async function add(form, button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const breath = new Promise((resolve) => setTimeout(resolve, BREATH));
  const problem = form.querySelector("[data-problem]");
  problem.hidden = true;
  const { sku } = button.dataset;
  const quantity = Math.trunc(Number(form.elements.quantity.value)) || 1;
  try {
    const next = await cart.change("POST", "/cart/lines", { sku, quantity }, { isQuiet: true });
    form.elements.quantity.value = 1;
    open(next.lines.find((line) => line.key === sku));
  } catch (error) {
    problem.hidden = false;
    problem.textContent = error instanceof Refused && error.message ? error.message : text("failed");
  } finally {
    await breath;
    button.removeAttribute("aria-disabled");
  }
}

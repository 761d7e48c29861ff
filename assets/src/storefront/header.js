// The header: how much is in the cart, the language and currency menu; and forms that show their result at once.
import * as cart from "./cart.js";
import { config, setText, text, writeCookie } from "./page.js";

export function startHeader() {
  const count = document.querySelector("[data-cart-count]");
  const link = document.querySelector("[data-cart-open]");
  cart.watch((current) => {
    const items = current?.items ?? 0;
    count.hidden = !items;
    setText(count, items > 999 ? "999+" : `${items}`);
    link.setAttribute("aria-label", text("cartCount", { count: items }));
    for (const button of document.querySelectorAll("[data-currency]")) {
      button.setAttribute("aria-disabled", items > 0 && button.getAttribute("aria-pressed") !== "true");
    }
    const note = document.querySelector("[data-currency-note]");
    if (note) note.hidden = !items;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-currency]");
    if (button && button.getAttribute("aria-disabled") !== "true") {
      sessionStorage.removeItem(`currency-${config.shop}`);
      writeCookie(config.currencyCookie, button.dataset.currency);
      location.reload();
    }
    for (const menu of document.querySelectorAll("[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("[data-menu][open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  for (const form of document.querySelectorAll("[data-submit-on-change]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
}

// The cart drawer: a modal dialog, so focus stays inside and Escape closes it. Opens after adding, and from the header.
import { nameOf, text } from "./page.js";
import { showAgain } from "./views.js";

const SETTLE = 500; // the second click of a double click must not close what the first one opened

const drawer = document.getElementById("cart-drawer");
let openedAt = 0;

export function startDrawer() {
  const voice = document.createElement("p");
  voice.className = "sr";
  voice.setAttribute("role", "status");
  voice.dataset.live = "";
  drawer.append(voice);
  drawer.addEventListener("click", (event) => {
    const isOutside = event.target === drawer && performance.now() - openedAt > SETTLE;
    if (isOutside || event.target.closest("[data-drawer-close]")) drawer.close();
  });
  const hasOwnCart = document.querySelector("main [data-cart-view=page], main [data-cart-view=checkout]");
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-cart-open]");
    if (!link || hasOwnCart || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  addEventListener("pageshow", (event) => { if (event.persisted && drawer.open) drawer.close(); });
}

/** Open the drawer; with the line that was just put in, it says so. */
export function open(line) {
  const added = drawer.querySelector("[data-added]");
  added.hidden = !line;
  added.querySelector("[data-added-text]").textContent = line ? text("added", { name: nameOf(line) }) : "";
  if (drawer.open) return;
  openedAt = performance.now();
  drawer.showModal();
  showAgain(drawer.querySelector("[data-cart-view]"));
}

// What the frame of every page does: menus that close, the menu of a phone, messages that go, keyboard shortcuts.

const menus = () => document.querySelectorAll("details[data-menu][open]");

function closeMenus(except) {
  for (const menu of menus()) if (menu !== except && !menu.contains(except)) menu.open = false;
}

document.addEventListener("click", (event) => {
  const target = event.target;
  closeMenus(target.closest("details[data-menu]"));

  const dismiss = target.closest("[data-dismiss]");
  if (dismiss) dismiss.closest(".alert").remove();

  const toggle = target.closest("[data-toggles]");
  if (toggle) {
    const isOpen = document.getElementById(toggle.dataset.toggles).classList.toggle("is-open");
    toggle.setAttribute("aria-expanded", String(isOpen));
  }

  const opener = target.closest("[data-opens]");
  if (opener) {
    closeMenus();
    document.getElementById(opener.dataset.opens).showModal();
  }

  const copier = target.closest("[data-copies]");
  if (copier) navigator.clipboard?.writeText(copier.dataset.copies);
});

// Filters that act as soon as they are chosen; typed ones wait for Enter or the button.
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-submits]")) event.target.form.requestSubmit();
});

// A list's address stays short: what is left empty is not sent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-short]")) return;
  const empty = [...form.elements].filter((field) => field.name && !field.disabled && field.value === "");
  if (!empty.length) return;
  for (const field of empty) field.disabled = true;
  setTimeout(() => { for (const field of empty) field.disabled = false; });
});

const isTyping = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;
let goesUntil = 0;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of menus()) {
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;

  if (Date.now() < goesUntil) {
    goesUntil = 0;
    document.querySelector(`#navigation a[data-key="${CSS.escape(event.key)}"]`)?.click();
  } else if (event.key === "/" || event.key === "s") {
    const everywhere = document.getElementById("search-everywhere");
    const search = event.key === "s" ? everywhere : (document.querySelector("main input[type=search]") ?? everywhere);
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  } else if (event.key === "?") {
    document.getElementById("shortcuts")?.showModal();
  } else if (event.key === "g") {
    goesUntil = Date.now() + 1500;
  }
});

// Shopping carts: choosing rows of a list, and moving through the history of a cart.
import "./carts.css";

// -- choosing rows ----------------------------------------------------------------------------------

const boxes = () => [...document.querySelectorAll("input[data-check]")];

/** Buttons that act on the chosen rows wait until there is one. */
function renewChoice() {
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  for (const button of document.querySelectorAll("[data-needs-check]")) button.disabled = chosen === 0;
  for (const box of document.querySelectorAll("[data-check-all]")) {
    box.checked = all.length > 0 && chosen === all.length;
    box.indeterminate = chosen > 0 && chosen < all.length;
    box.disabled = all.length === 0;
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-check-all]")) for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.matches("[data-check-all], [data-check]")) renewChoice();
});
window.addEventListener("pageshow", renewChoice);

// -- the cart as it was -----------------------------------------------------------------------------

class History {
  constructor(place) {
    this.place = place;
    this.range = place.querySelector("input[type=range]");
    this.moment = document.getElementById("cart-moment");
    this.asked = 0;
    this.read();
    if (!this.events.length) return;
    place.querySelector(".slider").hidden = false;
    this.range.value = this.startingPoint();
    this.tell();
    this.range.addEventListener("input", () => this.show());
    place.addEventListener("click", (event) => {
      const button = event.target.closest("[data-step]");
      if (button) this.go(Number(this.range.value) + Number(button.dataset.step));
    });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-moment]");
      const step = link ? this.events.indexOf(link.dataset.moment) : -1;
      if (step < 0) return;
      event.preventDefault();
      this.go(step);
      place.scrollIntoView({ block: "nearest" });
      this.range.focus({ preventScroll: true });
    });
    // Live: new entries make the slider longer; who stands at the end of it stays there.
    document.addEventListener("cart-renewed", () => this.renew());
  }

  /** The entries that the timeline holds now. */
  read() {
    const listed = document.getElementById("cart-timeline").dataset.events;
    this.events = listed ? listed.split(",") : [];
    this.range.max = Math.max(0, this.events.length - 1);
  }

  renew() {
    const wasAtEnd = this.range.value === this.range.max;
    const isOpen = this.moment.querySelector(".moment") !== null;
    this.read();
    if (wasAtEnd && isOpen) this.go(this.events.length - 1);
    else this.tell();
  }

  startingPoint() {
    const step = this.events.indexOf(new URLSearchParams(location.search).get("at"));
    return step < 0 ? this.events.length - 1 : step;
  }

  go(step) {
    this.range.value = Math.min(Math.max(step, 0), this.events.length - 1);
    this.show();
  }

  tell() {
    const step = Number(this.range.value);
    this.range.setAttribute("aria-valuetext", this.place.dataset.told.replace("{number}", step + 1).replace("{all}", this.events.length));
    this.place.querySelector("[data-step='-1']").disabled = step <= 0;
    this.place.querySelector("[data-step='1']").disabled = step >= this.events.length - 1;
  }

  async show() {
    this.tell();
    const turn = ++this.asked;
    const address = this.place.dataset.slider.replace(/\/0\/$/, `/${this.events[this.range.value]}/`);
    const answer = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
    // Who drags asks often: only the newest answer counts.
    if (answer?.ok && turn === this.asked) this.moment.innerHTML = await answer.text();
  }
}

const history = document.querySelector("[data-slider]");
if (history) new History(history);

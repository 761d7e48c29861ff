// Follow-ups: the mail beside a step follows what is typed. The form is sent into a frame, so this works without scripts too.
import "./campaigns.css";

const button = document.querySelector("[data-previews]");
if (button) {
  const form = button.form;
  let waiting;

  /** A new frame each time: the Back button would otherwise go through every look. The old one stays until the new one stands. */
  const look = () => {
    const old = [...form.querySelectorAll(`.look-frame iframe`)];
    const fresh = old[0].cloneNode();
    fresh.removeAttribute("src");
    fresh.name = button.formTarget = `look-${Date.now()}`;
    fresh.dataset.waits = "";
    old.at(-1).after(fresh);
    form.requestSubmit(button);
    fresh.addEventListener("load", () => {
      if (!fresh.isConnected) return;
      for (const frame of form.querySelectorAll(".look-frame iframe")) {
        if (frame === fresh) break;
        frame.remove();
      }
      delete fresh.dataset.waits;
    });
  };

  const isShown = (field) => field.name === "language" || (field.name.startsWith("look_") && field.name !== "look_width");
  const isDrawn = (field) => /^(subject|body|percent|amount|minimum|voucher|valid)/.test(field.name);
  form.addEventListener("input", (event) => {
    if (!isDrawn(event.target)) return;
    clearTimeout(waiting);
    waiting = setTimeout(look, 600);
  });
  form.addEventListener("change", (event) => isShown(event.target) && look());
  button.addEventListener("click", (event) => {
    event.preventDefault();
    look();
  });
}

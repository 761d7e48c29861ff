// What the page tells the script: settings and sentences, in a data block; and the few things all parts need.

export const config = JSON.parse(document.getElementById("shop-config").textContent);

/** A sentence of the page, with %(name)s filled in. */
export function text(name, values = {}) {
  return config.texts[name].replace(/%\((\w+)\)s/g, (_, key) => values[key] ?? "");
}

/** How a product is called in sentences: its name, and which one of it. */
export function nameOf(line) {
  return line.option ? `${line.name} (${line.option})` : line.name;
}

export function picture(address) {
  if (!address) return config.noPicture;
  return /^(\/|https?:|data:)/.test(address) ? address : config.media + address;
}

export function setText(element, value) {
  if (element && element.textContent !== value) element.textContent = value;
}

export function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

export function readCookie(name) {
  for (const pair of document.cookie.split("; ")) {
    const at = pair.indexOf("=");
    if (pair.slice(0, at) === name) return decodeURIComponent(pair.slice(at + 1));
  }
  return "";
}

export function writeCookie(name, value) {
  const secure = config.isSecure ? "; Secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; SameSite=Lax${secure}`;
}

let quiet = 0;

/** Say something politely: shown for a while, and read out. */
export function say(sentence, seconds = 7) {
  // A modal dialog makes the rest of the page inert: then it has a voice of its own.
  const open = document.querySelector("dialog[open]");
  const place = open?.querySelector("[data-live]") ?? document.querySelector("body > [data-live]");
  clearTimeout(quiet);
  for (const other of document.querySelectorAll("[data-live]")) if (other !== place) other.textContent = "";
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = sentence; });
  if (seconds) quiet = setTimeout(() => { place.textContent = ""; }, seconds * 1000);
}

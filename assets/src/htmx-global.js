// htmx's extensions look for a global: this file comes first in every entry that uses them.
import htmx from "htmx.org";

window.htmx = htmx;
export default htmx;

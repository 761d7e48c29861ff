// Back office, one bundle for every staff page. Looks first, then htmx (the extension needs the global), then the pages' own code.
import "@tabler/core/dist/css/tabler.min.css";
import "uplot/dist/uPlot.min.css";
import "./backoffice.css";

import "./htmx-global.js";
import "htmx.org/dist/ext/hx-sse.js";

// Each page's behaviour is a file of its own beside this one, imported here.
import "./shell.js";
import "./live.css";
import "./live.js";
import "./carts.js";
import "./campaigns.js";

// Builds the front end: hashed names, a manifest.json, .br and .gz copies, an icon sprite and the licences of what is inside.
import * as esbuild from "esbuild";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { basename, extname, join, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const here = import.meta.dirname;
const bundles = [
  {
    room: "storefront",
    entryPoints: ["src/storefront.js"],
    icons: "icons-storefront.txt",
  },
  {
    room: "backoffice",
    entryPoints: ["src/backoffice.js", "src/live-worker.js", "src/docs.js"],
    icons: "icons.txt",
  },
  {
    // runs in other people's pages: one small script that leaves no name behind and asks little of the browser
    room: "connectors",
    entryPoints: ["src/tracker.js"],
    format: "iife",
    target: "es2020",
  },
];

for (const bundle of bundles) {
  const dist = resolve(here, `../ghostcart/${bundle.room}/static/${bundle.room}/dist`);
  const fresh = `${dist}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });

  const { metafile } = await esbuild.build({
    absWorkingDir: here,
    entryPoints: bundle.entryPoints,
    outdir: fresh,
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    format: bundle.format ?? "esm",
    target: bundle.target ?? "es2022",
    metafile: true,
    legalComments: "linked",
    loader: { ".woff2": "file", ".svg": "file", ".png": "file" },
  });
  const manifest = { ...namesOf(metafile), ...(bundle.icons && { "icons.svg": writeSprite(fresh, bundle.icons) }) };
  writeLicences(fresh, metafile);
  compress(fresh);
  writeFileSync(join(fresh, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");

  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
  console.log(`${bundle.room}: ${Object.values(manifest).join(", ")}`);
}

/** What templates ask for -> what it is called in this build: {"backoffice.js": "backoffice-AB12.js", …}. */
function namesOf(metafile) {
  const names = {};
  for (const [file, output] of Object.entries(metafile.outputs)) {
    if (!output.entryPoint) continue;
    const name = basename(output.entryPoint, extname(output.entryPoint));
    names[`${name}.js`] = basename(file);
    if (output.cssBundle) names[`${name}.css`] = basename(output.cssBundle);
  }
  return names;
}

/** One SVG file with a <symbol> for each icon that the list names. */
function writeSprite(folder, list) {
  const wanted = readFileSync(join(here, list), "utf8").split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
  const symbols = [...new Set(wanted)].map((line) => {
    const filled = line.startsWith("filled/");
    const name = line.replace("filled/", "");
    const source = join(here, "node_modules/@tabler/icons/icons", filled ? "filled" : "outline", `${name}.svg`);
    if (!existsSync(source)) throw new Error(`assets/${list}: Tabler has no icon "${line}"`);
    const shapes = readFileSync(source, "utf8").replace(/^[^]*?<svg[^>]*>|<\/svg>\s*$/g, "")
      .replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" ?\/>/, "").replace(/\s*\n\s*/g, "");
    const paint = filled ? 'fill="currentColor"' : 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${name}${filled ? "-filled" : ""}" viewBox="0 0 24 24" ${paint}>${shapes}</symbol>`;
  });
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
  const file = `icons-${createHash("sha256").update(sprite).digest("hex").slice(0, 8).toUpperCase()}.svg`;
  writeFileSync(join(folder, file), sprite);
  return file;
}

/** The licence texts of every package that went into the bundle, in one file beside it. */
function writeLicences(folder, metafile) {
  const inside = Object.keys(metafile.inputs).map((file) => file.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]);
  const packages = new Set([...inside.filter(Boolean), "@tabler/icons"]);
  const texts = [...packages].sort().map((name) => {
    const root = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const files = readdirSync(root).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
    const body = files.map((file) => readFileSync(join(root, file), "utf8").trim()).join("\n\n")
      || "This package comes without a licence file: its notice stands in the *.LEGAL.txt files, the words of the licence under its sister packages here.";
    return `${name} ${version} (${license})\n\n${body}`.trim();
  });
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES.txt"), texts.join(`\n\n${"-".repeat(100)}\n\n`) + "\n");
}

function compress(folder) {
  for (const file of readdirSync(folder)) {
    if (!/\.(js|css|svg)$/.test(file)) continue;
    const bytes = readFileSync(join(folder, file));
    writeFileSync(join(folder, `${file}.br`), brotliCompressSync(bytes));
    writeFileSync(join(folder, `${file}.gz`), gzipSync(bytes, { level: 9 }));
  }
}

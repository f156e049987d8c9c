// Makes src/cadenza/studio/vendor/preact.js and LICENSES/preact-and-htm.txt, or both in the folder that is named.
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = new URL("../../", import.meta.url);
const [target, licences] = process.argv[2]
  ? [pathToFileURL(`${process.argv[2]}/`), pathToFileURL(`${process.argv[2]}/`)]
  : [new URL("src/cadenza/studio/vendor/", root), new URL("LICENSES/", root)];
const parts = ["preact", "htm"];
const about = await Promise.all(
  parts.map(async (name) => {
    const home = new URL(`node_modules/${name}/`, import.meta.url);
    const { version, license } = JSON.parse(await readFile(new URL("package.json", home), "utf8"));
    return { name, version, license, text: await readFile(new URL("LICENSE", home), "utf8") };
  }),
);
await build({
  entryPoints: [new URL("vendored.mjs", import.meta.url).pathname],
  outfile: new URL("preact.js", target).pathname,
  bundle: true,
  minify: true,
  format: "esm",
  legalComments: "none",
  banner: { js: `// ${about.map((part) => `${part.name} ${part.version} (${part.license})`).join(", ")}; made by \`make vendor\`.` },
});
await writeFile(
  new URL("preact-and-htm.txt", licences),
  about.map((part) => `${part.name} ${part.version}\n\n${part.text.trim()}\n`).join(`\n${"-".repeat(80)}\n\n`),
);

// Fetch the files of other projects that the pages need, by name, version and integrity, and make one sprite of the icons.
// Runs while the image is built: node build.mjs TARGET.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const target = process.argv[2];
const { packages } = JSON.parse(readFileSync(new URL("list.json", import.meta.url)));
mkdirSync(target, { recursive: true });

for (const { name, version, integrity, files = {}, icons } of packages) {
  const folder = mkdtempSync(join(tmpdir(), "package-"));
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", folder, `${name}@${version}`]);
  const archive = join(folder, packed.toString().trim().split("\n").pop());
  // The client compares with what the registry says; this compares with what the project says.
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== integrity) throw new Error(`${name} ${version} is another file: ${found}`);
  execFileSync("tar", ["-xzf", archive, "-C", folder]);
  const content = join(folder, "package");
  for (const [from, to] of Object.entries(files)) copyFileSync(join(content, from), join(target, to));
  if (icons) writeFileSync(join(target, "icons.svg"), sprite(content, icons));
}

function sprite(content, icons) {
  const symbols = icons.map((icon) => {
    const svg = readFileSync(join(content, "icons", `${icon}.svg`), "utf-8");
    const inside = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    return `<symbol id="${icon}" viewBox="0 0 24 24">${inside.replace(/\s+/g, " ").trim()}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
}

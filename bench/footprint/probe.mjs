// One fresh process: imports what it is told and says what that cost. `node probe.mjs import|require <module>…`, modules by name or path.
import { createRequire } from "node:module";
import { isAbsolute } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [how, ...modules] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const loaders = {
  import: (module) => import(isAbsolute(module) ? pathToFileURL(module).href : module),
  require: (module) => require(module),
};
const load = loaders[how];

const rssBefore = process.memoryUsage.rss();
const cpuBefore = process.cpuUsage();
const beganMs = performance.now();
for (const module of modules) await load(module);
const wallMs = performance.now() - beganMs;
const { user, system } = process.cpuUsage(cpuBefore);
const rss = process.memoryUsage.rss() - rssBefore;
console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1_000, rss }));

import { smoke } from "./scenario.mjs";

await smoke((specifier) => import(specifier));

#!/usr/bin/env node
/** The program `hubspot-oauth`: what package.json's `bin` names. It only starts; the commands are in `commands/`. */
import { run } from "./run.js";

await run(process.argv.slice(2));

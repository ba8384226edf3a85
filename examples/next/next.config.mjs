// @ts-check
import { fileURLToPath } from "node:url";

/** @type {import("next").NextConfig} */
export default {
  // Not bundled: Node loads it, and undici in it, as they are. Bundled it would be there once for the pages and once for the route handlers.
  serverExternalPackages: ["hubspot-oauth"],
  // Else Next looks for a lock file in the folders above.
  turbopack: { root: fileURLToPath(new URL(".", import.meta.url)) },
};

/** How the console names a token without showing it. */

import { createHash } from "node:crypto";

/** The first eight hexadecimal digits of its SHA-256: enough to tell tokens apart, and to find one that you hold. */
export function fingerprint(secret: string): string {
  return createHash("sha256").update(secret).digest("hex").slice(0, 8);
}

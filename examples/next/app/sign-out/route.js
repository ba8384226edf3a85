// @ts-check
import { isForeign, signOut } from "../../lib/session.js";

/** @param {Request} request */
export async function POST(request) {
  if (isForeign(request)) return new Response(null, { status: 403 });
  await signOut();
  return new Response(null, { status: 303, headers: { location: "/" } });
}

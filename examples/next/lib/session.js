// @ts-check
/** Who is signed in: two people without passwords, and a signed cookie that names one. Your app has this already. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { cookies } from "next/headers";

export const users = [
  { id: "ada", name: "Ada Okafor" },
  { id: "bjorn", name: "Björn Lindqvist" },
];

export async function signedInUser() {
  const [id = "", signature = ""] = (await cookies()).get("session")?.value.split(".") ?? [];
  const [given, right] = [Buffer.from(signature), Buffer.from(sign(id))];
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  return users.find((user) => user.id === id);
}

/** @param {string} id */
export async function signIn(id) {
  const secure = process.env.HUBSPOT_REDIRECT_URI?.startsWith("https:") ?? false;
  (await cookies()).set("session", `${id}.${sign(id)}`, { httpOnly: true, sameSite: "lax", secure });
}

export async function signOut() {
  (await cookies()).delete("session");
}

/** A form on another site must not sign anybody in or out. @param {Request} request */
export function isForeign(request) {
  return (request.headers.get("sec-fetch-site") ?? "same-origin") !== "same-origin";
}

/** @param {string} id */
function sign(id) {
  const secret = process.env.SESSION_SECRET;
  if (!secret) throw new Error("SESSION_SECRET is not set: any 32 random characters.");
  return createHmac("sha256", secret).update(id).digest("base64url");
}

// @ts-check
/** Who is signed in, in this process's memory: a restart signs everybody out. The cookie holds a random id and nothing else. */
import { randomBytes } from "node:crypto";

const HOURS_12 = 12 * 3_600_000;

/** @typedef {{ readonly id: string, readonly person: import("./people.mjs").Person, readonly endsAtMs: number }} Session */

export class Sessions {
  /** @type {Map<string, Session>} */
  #sessions = new Map();
  #name;
  #attributes;

  /** @param {boolean} isHttps whether browsers reach the app by https */
  constructor(isHttps) {
    this.#name = isHttps ? "__Host-session" : "session";
    this.#attributes = `Path=/; HttpOnly; SameSite=Lax${isHttps ? "; Secure" : ""}`;
  }

  /**
   * The session of a request, if it has one that has not ended.
   * @param {import("node:http").IncomingMessage} request
   */
  find(request) {
    const prefix = `${this.#name}=`;
    const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
    const id = pairs.find((pair) => pair.startsWith(prefix))?.slice(prefix.length);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    return session !== undefined && session.endsAtMs > Date.now() ? session : undefined;
  }

  /**
   * Signs somebody in, always under a new id. Answers the `Set-Cookie` header.
   * @param {import("./people.mjs").Person} person
   */
  begin(person) {
    for (const [id, { endsAtMs }] of this.#sessions) if (endsAtMs <= Date.now()) this.#sessions.delete(id);
    const id = randomBytes(32).toString("base64url");
    this.#sessions.set(id, { id, person, endsAtMs: Date.now() + HOURS_12 });
    return `${this.#name}=${id}; Max-Age=${HOURS_12 / 1_000}; ${this.#attributes}`;
  }

  /**
   * Signs out. Answers the `Set-Cookie` header.
   * @param {Session} session
   */
  end(session) {
    this.#sessions.delete(session.id);
    return `${this.#name}=; Max-Age=0; ${this.#attributes}`;
  }
}

/** The quick start as a newcomer meets it: the scripted run, and the web app walked the way a browser would, cookies and forms. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { run } from "./command.js";
import { locationOf, visitor } from "./visitor.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const script = "examples/quick-start/run.mjs";

describe("npm start", () => {
  it("goes through every step and ends by itself", async () => {
    const output = await run(process.execPath, [script], { cwd: root });
    expect(output.match(/^ ?\d+ {2}.+$/gm)?.map((line) => line.trim())).toEqual([
      "1  HubSpot, emulated on this machine",
      "2  The app sends the user to HubSpot: createAuthorization()",
      "3  The user chooses an account and grants access",
      "4  HubSpot sends the user back: completeAuthorization()",
      "5  What that sent: the code for tokens, once",
      "6  What was stored: getAccount()",
      "7  A page of contacts: HubSpotHttp.get()",
      "8  29.5 minutes pass",
      "9  The next call refreshes first",
      "10  HubSpot ends the token early, and a call succeeds all the same",
      "11  The token runs out, and 1,000 calls come at once",
      "12  The customer leaves: disconnect()",
    ]);
    const step = (number: number): string => output.split(/^ ?\d+ {2}/m)[number] ?? "";
    expect(step(4)).toMatch(/goes on to +\/contacts\n/);
    expect(step(5)).toMatch(/sent +POST \/oauth\/2026-09\/token\n +grant_type +authorization_code\n/);
    expect(step(6)).toMatch(/status +active\n/);
    expect(step(6)).toMatch(/time left +(?:30 min 00|29 min 5\d) s\n/);
    expect(step(7).match(/^ +\d+ .*@/gm)).toHaveLength(5);
    expect(step(8)).toMatch(/time left +0 min (?:30|2\d) s\n/);
    expect(step(9)).toMatch(/refreshes +1\n +time left +(?:30 min 00|29 min 5\d) s\n/);
    expect(
      step(10)
        .match(/ (?:200|401)$/gm)
        ?.map(Number),
    ).toEqual([401, 200, 200]);
    expect(step(11)).toMatch(/calls +1000, all answered\n +refreshes +1 for all of them\n/);
    expect(step(12)).toMatch(/revoked +yes, at HubSpot\n +stored +nothing any more\n/);
    // What a colour or a cursor movement would begin with.
    expect(output).not.toContain("\u001b");
  });

  it("prints no secret that was sent or issued", async () => {
    const driver = `
      import { setUp } from "./examples/quick-start/hubspot.mjs";
      import { runScript } from "./examples/quick-start/scripted.mjs";
      const world = await setUp("http://localhost:3000/oauth/callback");
      await runScript(world);
      await world.close();
      const { requests, grants, accessTokens, app } = world.emulator;
      const sent = ["client_secret", "code", "code_verifier", "refresh_token", "token"];
      console.log("SECRETS " + JSON.stringify({
        bearer: requests.map(({ headers }) => headers.authorization?.replace("Bearer ", "")).filter(Boolean),
        form: requests.flatMap(({ form }) => sent.flatMap((name) => form?.[name] ?? [])),
        refreshTokens: grants.map(({ refreshToken }) => refreshToken),
        accessTokens: accessTokens.map(({ token }) => token),
        clientSecret: [app.clientSecret],
      }));`;
    const [printed = "", secrets = ""] = (await run(process.execPath, ["--input-type=module", "-e", driver], { cwd: root })).split(
      "SECRETS ",
    );
    expect(printed).toContain("disconnect()");
    for (const [kind, values] of Object.entries(JSON.parse(secrets) as Record<string, string[]>)) {
      expect(values, kind).not.toEqual([]);
      expect(
        [...new Set(values)].filter((value) => value.length < 8 || printed.includes(value.slice(0, 40))),
        kind,
      ).toEqual([]);
    }
    expect(printed).toMatch(/cookie +hubspot-oauth-[\w-]{8}=\(hidden\); Path=\//);
    expect(printed).toMatch(/state +[\w-]{8}…\n/);
  });
});

describe("npm start -- --browser", () => {
  /** Starts the app and gives its address and how it ended. */
  async function start(port = 0): Promise<{ readonly origin: string; stop(signal: NodeJS.Signals): Promise<unknown> }> {
    const child = spawn(process.execPath, [script, "--browser"], {
      cwd: root,
      env: { PATH: process.env["PATH"], PORT: String(port) },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = once(child, "close");
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /^Open (http:\/\/localhost:\d+)\/$/.exec(line)?.[1];
      if (url !== undefined) {
        return {
          origin: url,
          stop: async (signal) => {
            child.stdout.resume();
            child.kill(signal);
            return (await ended)[0] as unknown;
          },
        };
      }
    }
    throw new Error("The app ended without printing its address");
  }

  it("connects, reads contacts, refreshes when time has passed, disconnects, and ends on Ctrl-C", async () => {
    const app = await start();
    const visit = visitor(app.origin);
    expect(await (await visit("GET", "/")).text()).toContain(`<form method="post" action="/connect">`);

    const connecting = await visit("POST", "/connect");
    expect(connecting.status).toBe(303);
    expect(connecting.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^hubspot-oauth-[\w-]{8}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/),
    ]);
    const chooser = await (await visit("GET", locationOf(connecting))).text();
    const [, consentPath = ""] = /<a href="(\/oauth\/24681012\/authorize[^"]*)"/.exec(chooser.replaceAll("&amp;", "&")) ?? [];
    const consent = new URL(consentPath, locationOf(connecting)).href;
    expect(await (await visit("GET", consent)).text()).toContain("Connect Quick start to Harbour Bakery");
    const granted = await visit("POST", consent, { hub_id: "24681012", decision: "grant" });
    expect(new URL(locationOf(granted)).origin).toBe(app.origin);

    const callback = await visit("GET", locationOf(granted));
    expect([callback.status, locationOf(callback)]).toEqual([303, "/contacts"]);
    expect(callback.headers.get("cache-control")).toBe("no-store");
    expect(callback.headers.get("referrer-policy")).toBe("no-referrer");
    expect(callback.headers.getSetCookie()).toEqual([expect.stringContaining("Max-Age=0")]);

    const contacts = await (await visit("GET", "/contacts")).text();
    expect(contacts).toMatch(/Refreshes so far: 0\./);
    expect(contacts.match(/<tr><td>\d+<\/td>/g)).toHaveLength(10);
    expect(contacts).toContain("<td>Ada Okafor</td>");

    expect(locationOf(await visit("POST", "/time"))).toBe("/contacts");
    const later = await (await visit("GET", "/contacts")).text();
    expect(later).toMatch(/Access token: (?:30 min 00|29 min 5\d) s left\. Refreshes so far: 1\./);

    expect(locationOf(await visit("POST", "/disconnect"))).toBe("/");
    expect(locationOf(await visit("GET", "/contacts"))).toBe("/");
    expect(await app.stop("SIGINT")).toBe(0);
  });

  it("takes the next free port when its own is taken", async () => {
    const other = createServer().listen(0, "localhost");
    onTestFinished(() => void other.close());
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const app = await start(port);
    expect(Number(new URL(app.origin).port)).toBeGreaterThan(port);
    expect((await visitor(app.origin)("GET", "/")).status).toBe(200);
  });

  it("says what went wrong, escaped, and takes no post from another site", async () => {
    const app = await start();
    const visit = visitor(app.origin);
    const denied = await visit("GET", "/oauth/callback?error=access_denied%3Cscript%3E&error_description=no");
    expect(denied.status).toBe(400);
    const page = await denied.text();
    expect(page).toContain("(access_denied&#60;script&#62;)");
    expect(page).not.toContain("<script>");

    const begun = await visitor(app.origin)("POST", "/connect");
    const granted = await visit("POST", locationOf(begun), { hub_id: "24681012", decision: "grant" });
    const refused = await visit("GET", locationOf(granted));
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain("<code>state_mismatch</code>");

    const foreign = await fetch(`${app.origin}/disconnect`, { method: "POST", headers: { "sec-fetch-site": "cross-site" } });
    expect(foreign.status).toBe(403);
    expect((await visit("GET", "/nowhere")).status).toBe(404);
    expect(await app.stop("SIGTERM")).toBe(0);
  });
});

/** How the code blocks of docs/migrating.md are run, and what must be true afterwards. */
import { expect } from "vitest";
import type { Run } from "./connecting-runs.js";

/** In the order of the blocks. */
export const migratingRuns: readonly Run[] = [
  {
    block: "From code of your own",
    when: "one row of a live grant, twice, and one of a dead grant",
    finds: "oauth, rows, askToReconnect",
    before: async ({ oauth, accountId, rows, row }) => {
      await oauth.disconnect(accountId, { revoke: false });
      rows.push({ id: "r-1", ...row }, { id: "r-2", refresh_token: "nobody-honours-this" }, { id: "r-3", ...row });
    },
    check: async (_given, { oauth, accountId, emulator, asked }, printed) => {
      expect(printed).toEqual([`${accountId} taken over`, `${accountId} again`]);
      expect(asked, "whom to ask to reconnect").toEqual(["r-2"]);
      const before = emulator.count("token");
      expect(await oauth.getAccessToken(accountId)).toBe(emulator.accessTokens.at(-1)?.token);
      expect(emulator.count("token"), "an imported refresh token is used at the first call").toBe(before + 1);
    },
  },
  {
    block: "From `@hubspot/api-client` alone",
    finds: "oauth, accountId, sdkOptions",
    gives: "client, results",
    before: ({ emulator }) => emulator.advance(31 * 60_000),
    check: ({ results }, { emulator }) => {
      expect(results).toHaveLength(2);
      expect(emulator.requests.at(-1)?.headers.authorization).toBe(`Bearer ${emulator.accessTokens.at(-1)?.token}`);
    },
  },
  {
    block: "From simple-oauth2, Passport and other OAuth clients",
    finds: "oauth, token",
    gives: "accountId",
    before: ({ oauth, accountId }) => oauth.disconnect(accountId, { revoke: false }).then(() => undefined),
    check: async ({ accountId }, { oauth, emulator, token, accountId: connected }) => {
      expect(accountId).toBe(connected);
      const refreshes = emulator.count({ route: "token", grantType: "refresh_token" });
      expect(await oauth.getAccessToken(connected), "its access token is used until it ends").toBe(token.token.access_token);
      expect(emulator.count({ route: "token", grantType: "refresh_token" })).toBe(refreshes);
    },
  },
];

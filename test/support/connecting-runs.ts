/** How the code blocks of docs/connecting.md are run, and what must be true afterwards. */
import { expect } from "vitest";
import { createHandlers, type FetchHandlers, type HandlerFailure } from "../../src/handlers/fetch.js";
import { MissingScopesError } from "../../src/index.js";
import type { ReadmeWorld } from "./readme-world.js";

/** One execution of a block: what it finds and gives besides its code, and what must be true afterwards. */
export interface Run {
  /** The heading it stands under. */
  readonly block: string;
  readonly when?: string;
  /** A server it needs. */
  readonly needs?: "postgresUrl";
  /** Names of `ReadmeWorld` that the block uses without declaring them. */
  readonly finds?: string;
  /** Names it declares that the check looks at. */
  readonly gives?: string;
  readonly before?: (world: ReadmeWorld) => Promise<void> | void;
  readonly check: (given: Readonly<Record<string, unknown>>, world: ReadmeWorld, printed: readonly string[]) => Promise<void> | void;
}

const at = (path: string, init?: RequestInit): Request => new Request(new URL(path, "https://app.example.com"), init);

/** In the order of the blocks. */
export const connectingRuns: readonly Run[] = [
  {
    block: "The handlers",
    finds: "oauth, findUser, saveAccount, forgetAccount",
    gives: "hubspot",
    check: async ({ hubspot }, { emulator, accountId, user, oauth }) => {
      const { connect, callback, disconnect } = hubspot as FetchHandlers;
      const { headers, status } = await connect(at("/hubspot/connect?return_to=/settings"));
      expect([status, headers.getSetCookie()]).toEqual([303, []]);
      const back = await callback(at(await emulator.authorize(headers.get("location") ?? "")));
      expect([back.headers.get("location"), user.accountIds]).toEqual(["/settings", [accountId]]);
      expect((await disconnect(at(`/hubspot/disconnect?account=${accountId}`, { method: "POST" }))).status).toBe(303);
      expect([user.accountIds, await oauth.getAccount(accountId)]).toEqual([[], undefined]);
    },
  },
  {
    block: "Errors",
    gives: "onError",
    check: async ({ onError }, { oauth }) => {
      const options = { connectPath: "/connect", session: () => undefined, onConnected: () => "/" };
      const { connect } = createHandlers(oauth, { ...options, onError: onError as (failure: HandlerFailure) => string | undefined });
      const { headers } = await connect(at("/connect?return_to=/a"));
      expect(headers.get("location")).toBe("/login?next=%2Fconnect%3Freturn_to%3D%252Fa");
    },
  },
  {
    block: "Reconnect, with more scopes",
    gives: "reconnectLink",
    check: async ({ reconnectLink }, { oauth, accountId }) => {
      const missing = new MissingScopesError({ accountId, scopes: ["crm.objects.deals.read"], anyOf: false });
      const { connect } = createHandlers(oauth, {
        connectPath: "/hubspot/connect",
        session: () => ({ accountIds: [accountId] }),
        onConnected: () => "/",
        extraScopes: ["crm.objects.deals.read"],
      });
      const { headers } = await connect(at((reconnectLink as (error: MissingScopesError) => string)(missing)));
      expect(headers.get("location")).toMatch(new RegExp(`/oauth/${accountId}/authorize\\?.*deals\\.read`));
    },
  },
  {
    block: "Connections that share one grant",
    finds: "oauth, accountId",
    gives: "revoked, sharedWith",
    check: ({ revoked, sharedWith }) => expect([revoked, sharedWith]).toEqual([true, undefined]),
  },
  {
    block: "When a customer uninstalls at HubSpot",
    finds: "oauth",
    gives: "onUninstallEvent",
    check: async ({ onUninstallEvent }, { oauth, accountId, emulator }) => {
      const told = onUninstallEvent as (portalId: number) => Promise<void>;
      await told(Number(accountId));
      expect((await oauth.getAccount(accountId))?.status, "a false word").toBe("active");
      emulator.uninstall(accountId);
      await told(Number(accountId));
      expect(await oauth.getAccount(accountId)).toBeUndefined();
    },
  },
];

// HubSpot for the soak: an emulator whose records name their account, with faults, outages, tokens that end early and customers who remove the
// app. It is watched by a ledger, and its connections are counted.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { startHubSpotEmulator } from "../../dist/testing/index.js";
import { addFaults } from "./faults.mjs";
import { Ledger } from "./ledger.mjs";

const FIRST_HUB_ID = 7_000_001;
const CONTACTS = 40;
const SCOPES = ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"];
/** Tokens that ended so long ago are of no use to a later emulator. */
const FORGOTTEN_AFTER_MS = 60_000;

/** One HubSpot, over several emulators on one port. */
export class SoakedHubSpot {
  ledger;
  accountIds;
  outages = 0;
  #random;
  #emulator;
  #faulty = false;
  #connections = new Set();
  #accepted = ({ socket }) => {
    if (socket.localPort !== this.#port) return;
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
  };
  #port;

  static async start({ accounts, lifeSeconds, rotation, random, violate }) {
    const hubspot = new SoakedHubSpot();
    hubspot.#random = random;
    const hubIds = Array.from({ length: accounts }, (_, index) => FIRST_HUB_ID + index);
    hubspot.accountIds = hubIds.map(String);
    hubspot.ledger = new Ledger({ lifeMs: lifeSeconds * 1_000, violate, grantOf: (token) => hubspot.#grantOf(token) });
    await hubspot.#open({
      accounts: hubIds.map((hubId) => ({ hubId, objects: { contacts: contactsOf(hubId), companies: 0, deals: 0 }, engagements: 0 })),
      app: { requiredScopes: SCOPES, conditionalScopes: [], optionalScopes: [] },
      accessTokenLifetimeSeconds: lifeSeconds,
      refreshTokenRotation: rotation,
      limits: "hubspot",
    });
    subscribe("net.server.socket", hubspot.#accepted);
    return hubspot;
  }

  /** What a client of it needs. */
  get clientOptions() {
    const { clientId, clientSecret, redirectUris } = this.#emulator.app;
    const { origin } = this.#emulator;
    return { clientId, clientSecret, redirectUri: redirectUris[0], scopes: SCOPES, authorizeOrigin: origin, apiOrigin: origin };
  }

  /** Connections that stand. */
  get openConnections() {
    return this.#connections.size;
  }

  connect(client, accountId) {
    return this.#emulator.connect(client, { account: accountId });
  }

  /** Whose refresh token it is. */
  ownerOf(refreshToken) {
    return String(this.#grantOf(refreshToken)?.hubId);
  }

  /** From now on requests go wrong. */
  beginFaults() {
    this.#faulty = true;
    this.#addFaults();
  }

  /** From now on nothing does. */
  endFaults() {
    this.#faulty = false;
    this.#emulator.faults.clear();
  }

  /** The log is for tests that look back; the ledger does not. */
  forgetRequests() {
    this.#emulator.clearRequests();
  }

  /** An account's access token ends before its time. */
  endToken() {
    const accountId = this.#random.pick(this.accountIds);
    this.ledger.endedTokens(accountId);
    this.#emulator.expireTokens(accountId);
  }

  /** A customer removes the app: refresh tokens are refused from now on. */
  endGrant() {
    const accountId = this.#random.pick(this.accountIds);
    this.ledger.endedGrants(accountId);
    this.#emulator.revokeGrant(accountId);
  }

  /** HubSpot goes away with all connections, refuses new ones, and comes back as it was. */
  async goAway(forMs) {
    this.outages++;
    this.ledger.lostAnswers();
    await this.#emulator.close();
    const snapshot = this.#emulator.snapshot();
    const aliveFromMs = snapshot.nowMs - FORGOTTEN_AFTER_MS;
    const accessTokens = snapshot.tokens.accessTokens.filter(({ expiresAtMs }) => expiresAtMs > aliveFromMs);
    await sleep(forMs);
    this.ledger.startedAgain();
    await this.#open({ snapshot: { ...snapshot, tokens: { ...snapshot.tokens, accessTokens } }, port: this.#port });
  }

  async close() {
    unsubscribe("net.server.socket", this.#accepted);
    await this.#emulator.close();
  }

  async #open(options) {
    const tokenResponse = (body) => this.ledger.issued(body);
    for (let attempt = 1; ; attempt++) {
      try {
        this.#emulator = await startHubSpotEmulator({ ...options, tokenResponse });
        break;
      } catch (error) {
        // Somebody's outgoing connection may have been given the port meanwhile.
        if (error.code !== "EADDRINUSE" || attempt === 20) throw error;
        await sleep(100);
      }
    }
    this.#port = Number(new URL(this.#emulator.origin).port);
    this.#emulator.watchRequests((request) => this.ledger.saw(request));
    if (this.#faulty) this.#addFaults();
  }

  #addFaults() {
    addFaults(this.#emulator, this.#random, (request, fault) => this.ledger.met(request, fault));
  }

  #grantOf(refreshToken) {
    return this.#emulator.grants.find((grant) => grant.refreshToken === refreshToken || grant.usedRefreshTokens.has(refreshToken));
  }
}

/** The same ids in every account, so that nothing but its account tells a record from another account's. */
function contactsOf(hubId) {
  return Array.from({ length: CONTACTS }, (_, index) => ({
    hs_object_id: String(101 + index),
    email: `person-${index}@hub-${hubId}.example`,
    account: String(hubId),
  }));
}

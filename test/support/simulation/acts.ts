/** What applications, their users and the weather do in a step of a schedule. */
import type { Act, Step } from "./plan.js";
import { lifeMs } from "./plan.js";
import type { Client, SimulatedWorld } from "./simulated-world.js";

export const ACCOUNTS = ["42", "43"] as const;

/** Does what a step says. What an application does waits while its process is stopped. */
export function perform(world: SimulatedWorld, { host, account, act }: Step): void {
  const client = world.clients[host % world.clients.length] as Client;
  const accountId = ACCOUNTS[account] as string;
  const { history, time } = world;
  switch (act.do) {
    case "crash":
      return world.crash(client.host, world.random.chance(0.5));
    case "jump":
      client.host.skewMs += act.ms;
      history.clockJumps++;
      return history.say(`the clock of ${client.name} jumps by ${act.ms} ms`);
    case "trouble":
      world.troubles.push(...Array.from({ length: act.times }, () => act.is));
      return history.say(`trouble ahead: ${act.times} times ${act.is}`);
    case "outage":
      world.outages.push({ is: act.is, host: act.forAll ? undefined : client.host, untilMs: time.nowMs + act.ms, calls: act.calls });
      return history.say(`the store is down for ${act.forAll ? "all" : client.name} for ${act.ms} ms or ${act.calls} calls: ${act.is}`);
    case "uninstall":
      return uninstall(world, accountId);
    case "re-encrypt":
      return reencrypt(world, accountId);
    default:
      for (const one of "everywhere" in act && act.everywhere ? world.clients : [client])
        world.act(one, () => call(world, one, accountId, act));
  }
}

/** One application's call of its client. */
function call(world: SimulatedWorld, client: Client, accountId: string, act: Act): void {
  const { oauth } = client;
  switch (act.do) {
    case "ask":
      for (let caller = 0; caller < act.callers; caller++) ask(world, client, accountId);
      break;
    case "ask and abort":
      ask(world, client, accountId).abort();
      break;
    case "reject": {
      const rejectedToken = client.lastTokens.get(accountId);
      if (rejectedToken === undefined) ask(world, client, accountId);
      else world.follow(client, "rejects", accountId, oauth.getAccessToken(accountId, { rejectedToken }), rejectedToken);
      break;
    }
    case "force":
      world.follow(client, "forces", accountId, oauth.getAccessToken(accountId, { force: true }));
      break;
    case "connect":
      connect(world, client, accountId, act.withAccess);
      break;
    case "disconnect":
      world.follow(client, "disconnects", accountId, oauth.disconnect(accountId, { revoke: false }));
      break;
    case "ask for unknown":
      world.follow(client, "asks", "999", oauth.getAccessToken("999"));
      break;
    default:
      throw new Error(`no application does ${act.do}`);
  }
}

function ask(world: SimulatedWorld, client: Client, accountId: string): AbortController {
  const abort = new AbortController();
  const waiting = { accountId, abort };
  client.waiting.add(waiting);
  const work = client.oauth.getAccessToken(accountId, { signal: abort.signal }).finally(() => client.waiting.delete(waiting));
  world.follow(client, "asks", accountId, work);
  return abort;
}

/** A user connects. Some are migrated: they bring a refresh token only. */
export function connect(world: SimulatedWorld, client: Client, accountId: string, withAccess: boolean): void {
  const { accessToken, refreshToken } = world.server.connect(accountId);
  world.history.issued.add(`${accessToken} ${refreshToken}`);
  const access = withAccess ? { accessToken, expiresAtMs: world.wallMs(client.host) + lifeMs(world.plan) } : {};
  const tokens = { refreshToken, ...access, hubId: accountId, scopes: ["oauth"] };
  world.follow(client, `connects ${refreshToken}`, accountId, client.oauth.saveTokens(tokens));
}

/** A user removes the app in HubSpot. */
function uninstall({ history, backend, server }: SimulatedWorld, accountId: string): void {
  const grant = server.grantOf(backend.get(accountId)?.refreshToken);
  if (grant === undefined) return;
  grant.endedBy ??= "uninstall";
  history.say(`uninstall ${accountId}`);
}

/** The one write that keeps the version. */
function reencrypt({ backend }: SimulatedWorld, accountId: string): void {
  const record = backend.get(accountId);
  if (record !== undefined) backend.set(accountId, record, { ifVersion: record.version });
}

/** What the token coordinator needs of the world: given by the client, and by tests. */
import type { AccountRecords } from "./account-records.js";
import type { Emit } from "./events.js";
import type { TokenResponse } from "./oauth/token-response.js";

/** What the coordinator needs of the world. */
export interface CoordinatorOptions {
  readonly records: AccountRecords;
  readonly emit: Emit;
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
  readonly cacheMs: number;
  /** The deadline of `requestRefresh`. */
  readonly timeoutMs: number;
  /** One POST at the token endpoint. */
  readonly requestRefresh: (refreshToken: string) => Promise<TokenResponse>;
  /** Why a failure of `requestRefresh` means that the grant is dead, or `undefined` when it does not. */
  readonly deadReason: (error: unknown) => string | undefined;
}

/**
 * `hubspot-oauth rotate-keys`: seals every record with the first key, beside running processes, each by compare-and-set. It may be stopped
 * at any moment, by force too, and run again: what is done is passed over.
 */
import type { Command } from "commander";
import type { TokenStore } from "../../index.js";
import type { EncryptedTokenStore, KeyRotation } from "../../stores/encrypted.js";
import type { CommandContext } from "../command-context.js";
import { Finished, SettingsError, STATUS } from "../exit-status.js";
import { withSession } from "../session.js";
import { VARIABLES } from "../settings.js";
import { plain, type Terminal } from "../terminal.js";

/** How many records there are between two lines of progress where nobody watches. */
const RECORDS_PER_LINE = 100;

/** Adds the command. */
export function addRotateKeys(program: Command, { terminal, signal }: CommandContext): void {
  program
    .command("rotate-keys")
    .description("seal every stored record with the first encryption key")
    .option("--migrate-plaintext", "seal records that are in plain text, too: for the move to encryption only")
    .action((flags: { readonly migratePlaintext?: true }, command: Command) =>
      withSession(command, async (session) => {
        const store = await session.tokenStore({ migratePlaintext: flags.migratePlaintext === true });
        if (!canRotate(store)) {
          throw new SettingsError(
            `The token store is not encrypted: there are no keys. Set ${VARIABLES.encryptionKeys} or encryptionKeys, or export an EncryptedTokenStore as tokenStore.`,
          );
        }
        const { rotated, current, failed } = await rotate(store, terminal, signal);
        terminal.result(
          { rotated, current, failed: failed.map(({ accountId, error }) => ({ accountId, message: error.message })) },
          `${rotated} sealed anew, ${current} were under the first key, ${failed.length} could not be opened.`,
        );
        for (const { error } of failed) terminal.say(plain(error.message));
        if (failed.length > 0) throw new Finished(STATUS.store);
      }),
    );
}

async function rotate(store: EncryptedTokenStore, terminal: Terminal, signal: AbortSignal): Promise<KeyRotation> {
  let last: KeyRotation = { rotated: 0, current: 0, failed: [] };
  const onProgress = (progress: KeyRotation): void => {
    last = progress;
    const done = progress.rotated + progress.current + progress.failed.length;
    if (terminal.showsProgress) terminal.progress(lineOf(progress));
    else if (done % RECORDS_PER_LINE === 0) terminal.say(lineOf(progress));
  };
  try {
    return await store.rotateKeys({ onProgress, signal });
  } catch (error) {
    terminal.progress("");
    terminal.say(`Stopped: ${lineOf(last)}. Run it again for the rest.`);
    throw error;
  } finally {
    terminal.progress("");
  }
}

function lineOf({ rotated, current, failed }: KeyRotation): string {
  return `${rotated + current + failed.length} records: ${rotated} sealed anew, ${current} current, ${failed.length} failed`;
}

function canRotate(store: TokenStore): store is EncryptedTokenStore {
  return typeof (store as Partial<EncryptedTokenStore>).rotateKeys === "function";
}

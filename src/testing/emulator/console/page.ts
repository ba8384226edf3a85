/** The console's page as it is at this moment: complete without scripts, and kept up to date by its script. */

import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";
import { PAGE_HEAD } from "../page-theme.js";
import { sentenceOf, STEPS } from "./actions.js";
import { faultForm } from "./faults.js";
import { newestRows } from "./live-feed.js";
import { partsOf } from "./parts.js";
import { timesLeft, tokenRows } from "./tokens.js";

/** The page. `done` is the action that it comes back from, when scripts are off. */
export function consolePage(emulator: HubSpotEmulator, origin: string, done: string | null): Html {
  const parts = new Map(partsOf(emulator).map(({ id, html: content }) => [id, content]));
  return html`<!doctype html>
    <html lang="en">
      <head>
        ${PAGE_HEAD}
        <title>Emulator console</title>
        <link rel="stylesheet" href="/console/console.css" />
        <script src="/console/console.js" defer></script>
      </head>
      <body>
        <header>
          <div class="title">
            <h1>Emulator console</h1>
            <p class="soft"><code>${origin}</code> <span id="connection" class="pill" hidden></span></p>
          </div>
          <nav aria-label="Parts of this page">
            <a href="#accounts-title">Accounts</a> <a href="#requests-title">Requests</a> <a href="#tokens-title">Tokens</a>
            <a href="#faults-title">Faults</a> <a href="#apps-title">Apps</a>
          </nav>
          <section class="clock" aria-labelledby="clock-title">
            <h2 id="clock-title">Clock</h2>
            <p id="clock" class="mono">${parts.get("clock")}</p>
            <form method="post" action="/console/actions/advance" class="buttons">
              ${STEPS.map(([label, ms]) => html`<button name="ms" value="${ms}"><span class="hidden">Advance by </span>+ ${label}</button>`)}
            </form>
          </section>
          <form method="post" action="/console/actions/reset" class="buttons">
            <button>Reset<span class="hidden"> the emulator</span></button>
          </form>
        </header>
        <p id="status" role="status">${sentenceOf(done)}</p>
        <noscript><p class="note">Scripts are off. Everything works; reload the page to see what is new.</p></noscript>
        <main>
          <section aria-labelledby="accounts-title">
            <h2 id="accounts-title" tabindex="-1">Accounts</h2>
            <ul id="accounts" class="cards">
              ${parts.get("accounts")}
            </ul>
          </section>
          <section class="requests" aria-labelledby="requests-title">
            <div class="heading">
              <h2 id="requests-title" tabindex="-1">Requests</h2>
              <p id="request-count" class="soft">${parts.get("request-count")}</p>
              <form method="post" action="/console/actions/clear-requests" class="buttons">
                <button type="button" id="pause" aria-pressed="false" hidden>Pause</button>
                <button>Clear<span class="hidden"> the log</span></button>
              </form>
            </div>
            <div class="scroll" role="region" aria-label="Request log" tabindex="0">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Time</th>
                    <th scope="col">Status</th>
                    <th scope="col">Request</th>
                    <th scope="col">Account</th>
                    <th scope="col" class="number">Took</th>
                  </tr>
                </thead>
                <tbody id="requests">
                  ${newestRows(emulator)}
                </tbody>
              </table>
            </div>
          </section>
          <section aria-labelledby="tokens-title">
            <h2 id="tokens-title" tabindex="-1">Tokens</h2>
            <div class="scroll" role="region" aria-label="List of tokens" tabindex="0">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Kind</th>
                    <th scope="col">Time left</th>
                    <th scope="col">Account</th>
                    <th scope="col">Fingerprint</th>
                  </tr>
                </thead>
                <tbody id="tokens">
                  ${tokenRows(emulator, timesLeft(emulator))}
                </tbody>
              </table>
            </div>
          </section>
          <section aria-labelledby="faults-title">
            <div class="heading">
              <h2 id="faults-title" tabindex="-1">Faults</h2>
              <form method="post" action="/console/actions/clear-faults" class="buttons">
                <button>Clear<span class="hidden"> the faults</span></button>
              </form>
            </div>
            <ul id="faults" class="faults">
              ${parts.get("faults")}
            </ul>
            ${faultForm(emulator)}
          </section>
          <section aria-labelledby="apps-title">
            <h2 id="apps-title" tabindex="-1">Apps</h2>
            <ul id="apps" class="cards">
              ${parts.get("apps")}
            </ul>
          </section>
        </main>
        <footer>Emulated HubSpot. A test server, with made-up accounts. Times are the emulator's, in UTC.</footer>
      </body>
    </html>`;
}

/** The apps as their developer configured them, without their secrets. */

import type { EmulatorApp } from "../directory.js";
import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";

/** One list item per app. */
export function appItems(emulator: HubSpotEmulator): Html {
  return html`${emulator.apps.map(appItem)}`;
}

function appItem(app: EmulatorApp): Html {
  return html`<li class="card">
    <h3>${app.name}</h3>
    <dl>
      <dt>Client id</dt>
      <dd><code>${app.clientId}</code></dd>
      <dt>App id</dt>
      <dd class="mono">${app.appId}</dd>
      <dt>Redirect URLs</dt>
      <dd>${codes(app.redirectUris)}</dd>
      <dt>Required scopes</dt>
      <dd>${codes(app.requiredScopes)}</dd>
      <dt>Conditional scopes</dt>
      <dd>${codes(app.conditionalScopes)}</dd>
      <dt>Optional scopes</dt>
      <dd>${codes(app.optionalScopes)}</dd>
    </dl>
  </li>`;
}

function codes(values: readonly string[]): Html {
  return values.length === 0
    ? html`<span class="soft">none</span>`
    : html`${values.map((value) => html`<code class="line">${value}</code>`)}`;
}

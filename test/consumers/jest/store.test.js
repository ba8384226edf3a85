// The published battery for stores, registered with a runner that is not the one it was written under.
const { mkdtempSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { FileTokenStore } = require("hubspot-oauth/stores/file");
const { runStoreContract } = require("hubspot-oauth/testing");

runStoreContract({ describe, it }, { create: () => new FileTokenStore({ directory: mkdtempSync(join(tmpdir(), "tokens-")) }) });

/**
 * `hubspot-oauth/testing/register`: import it once, in a test setup file, and every request of the library goes through the global `fetch`
 * of the moment, so that msw, nock or a stubbed `fetch` see it, whenever they were installed.
 * Under Vitest, Jest and `node --test` the library does this by itself; this entry is for other runners.
 */

// Looked up at call time: a mock installed after this import must be seen, and one that was removed must not.
const fetchOfTheMoment: typeof globalThis.fetch = (...args) => globalThis.fetch(...args);

Object.assign(globalThis, { [Symbol.for("hubspot-oauth.fetch")]: fetchOfTheMoment });

// A file without imports or exports would be a script, and `isolatedModules` wants a module.
export {};

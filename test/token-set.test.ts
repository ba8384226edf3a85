/** LK-02: a TokenSet shows its tokens only to who asks for them by name. */
import { format, inspect } from "node:util";
import { describe, expect, it, test } from "vitest";
import { TokenSet } from "../src/index.js";

const GRANT = {
  accessToken: "CANARY-access",
  refreshToken: "CANARY-refresh",
  obtainedAtMs: 1_000,
  expiresInMs: 1_800_000,
  hubId: "24681012",
  userId: "7",
  scopes: ["oauth"],
};
const tokens = new TokenSet(GRANT);

test("the tokens are read by name, as strings", () => {
  expect(tokens.accessToken).toBe("CANARY-access");
  expect(tokens.refreshToken).toBe("CANARY-refresh");
  expect(tokens.expiresAtMs).toBe(1_801_000);
});

test("reveal() is the plain object to persist: JSON and back changes nothing", () => {
  const revealed = tokens.reveal();
  expect(revealed).toEqual({
    accessToken: "CANARY-access",
    refreshToken: "CANARY-refresh",
    expiresAtMs: 1_801_000,
    hubId: "24681012",
    userId: "7",
    scopes: ["oauth"],
  });
  expect(JSON.parse(JSON.stringify(revealed))).toEqual(revealed);
  const bare = new TokenSet({ ...GRANT, refreshToken: undefined, hubId: undefined, userId: undefined, scopes: undefined }).reveal();
  expect(Object.keys(bare)).toEqual(["accessToken", "expiresAtMs"]);
});

describe("LK-02 nothing that prints, copies or serialises shows a token", () => {
  it.each<[string, (value: object) => unknown]>([
    ["inspect", (value) => inspect(value)],
    ["inspect with everything", (value) => inspect(value, { depth: Infinity, showHidden: true, getters: true })],
    ["console.dir, which calls no custom function", (value) => inspect(value, { customInspect: false, depth: 9 })],
    ["console.dir with hidden members", (value) => inspect(value, { customInspect: false, showHidden: true, depth: 9 })],
    ["format %o", (value) => format("%o %O %s %j", value, value, value, value)],
    ["String", String],
    ["JSON", (value) => JSON.stringify(value)],
    ["a copy", (value) => JSON.stringify({ ...value }) + inspect({ ...value })],
    ["Object.entries", (value) => JSON.stringify(Object.entries(value))],
    ["own properties", (value) => inspect(Object.getOwnPropertyDescriptors(value), { depth: 9 })],
    ["structuredClone", (value) => inspect(structuredClone(value), { depth: 9, showHidden: true })],
    ["an error's cause", (value) => inspect(new Error("x", { cause: value }), { depth: 9, showHidden: true })],
  ])("%s", (_name, print) => {
    expect(print(tokens)).not.toContain("CANARY");
    expect(print({ tokens, list: [tokens] })).not.toContain("CANARY");
  });
});

test("what is redacted still says whose tokens these are", () => {
  expect(String(tokens)).toContain("24681012");
  expect(JSON.parse(JSON.stringify(tokens))).toEqual({
    accessToken: "[redacted]",
    refreshToken: "[redacted]",
    expiresAtMs: 1_801_000,
    hubId: "24681012",
    userId: "7",
    scopes: ["oauth"],
  });
  expect(JSON.parse(JSON.stringify(new TokenSet({ ...GRANT, refreshToken: undefined })))).not.toHaveProperty("refreshToken");
});

test("the getters belong to the class: they cannot be taken to another object", () => {
  expect(Object.getOwnPropertyNames(tokens)).not.toContain("accessToken");
  const stolen = Object.create(TokenSet.prototype) as TokenSet;
  expect(() => stolen.accessToken).toThrow(TypeError);
  expect(() => stolen.reveal()).toThrow(TypeError);
});

/** The words of the emulator's pages: scopes on the consent page, and what is left of a token on the console. */

import { expect, test } from "vitest";
import { timeLeft } from "../../src/testing/emulator/console/time-words.js";
import { scopeInWords } from "../../src/testing/emulator/scope-words.js";

test.each([
  ["oauth", "Know which account and user it is connected to"],
  ["crm.objects.contacts.read", "Read contacts"],
  ["crm.objects.line_items.write", "Create, change and delete line items"],
  ["crm.objects.custom.read", "Read custom objects"],
  ["crm.schemas.companies.read", "Read the fields that companies have"],
  ["crm.lists.write", "Create, change and delete lists of records"],
  ["crm.objects.contacts.sensitive.read", "Use what HubSpot calls crm.objects.contacts.sensitive.read"],
  ["constructor", "Use what HubSpot calls constructor"],
])("the scope %s reads: %s", (scope, words) => {
  expect(scopeInWords(scope)).toBe(words);
});

test.each([
  [-1, "expired"],
  [0, "expired"],
  [1, "1 s"],
  [59_000, "59 s"],
  [60_000, "1 min 0 s"],
  [1_781_000, "29 min 41 s"],
  [3_600_000, "1 h 0 min"],
  [90_061_000, "1 d 1 h"],
])("%s ms are: %s", (ms, words) => {
  expect(timeLeft(ms)).toBe(words);
});

/** What a screen gets to see of texts from elsewhere. */
import { expect, it } from "vitest";
import { onScreen, plain } from "../../src/cli/terminal.js";

const HOSTILE = "a\u001b]0;title\u0007b\u009b2Jc\u007fd\re";

it("a text on a screen has no control characters but those that end its lines", () => {
  expect(onScreen(`{\n\t"name": "ä ${HOSTILE}"\r\n}`)).toBe('{\n\t"name": "ä a�]0;title�b�2Jc�d�e"\r\n}');
});

it("a text in a line stays in its line", () => {
  expect(plain(`${HOSTILE}\n\t\u2028`)).toBe("a�]0;title�b�2Jc�d�e���");
});

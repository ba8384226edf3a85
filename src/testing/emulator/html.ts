/**
 * HTML as a value. In `html` templates everything that is put in is text, and escaped, unless it is HTML itself: so no page has to remember.
 */

/** A piece of a page. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What may be put into a template. `undefined` and `false` leave nothing. */
type Piece = Html | string | number | false | undefined | readonly Piece[];

/** A template: safe in content and in quoted attributes. */
export function html(literals: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = literals[0] ?? "";
  pieces.forEach((piece, index) => (text += render(piece) + (literals[index + 1] ?? "")));
  return new Html(text);
}

function render(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (typeof piece === "object") return piece.map(render).join("");
  return piece === undefined || piece === false ? "" : escape(String(piece));
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}

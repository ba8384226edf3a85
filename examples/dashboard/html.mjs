// @ts-check
/** HTML by template literals: every value is escaped unless it is HTML itself. Arrays are joined; `undefined`, `null` and `false` are nothing. */

export class Html {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/**
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 */
export function html(strings, ...values) {
  return new Html(strings.map((part, index) => part + (index < values.length ? render(values[index]) : "")).join(""));
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function render(value) {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(render).join("");
  if (value === undefined || value === null || value === false) return "";
  if (typeof value !== "string" && typeof value !== "number") throw new TypeError(`A ${typeof value} cannot be shown.`);
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

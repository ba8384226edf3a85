// Flags that are whole numbers.

/** @throws TypeError that names the flag. */
export function count(text, name, least = 1) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new TypeError(`--${name} must be a whole number of at least ${least}.`);
  return value;
}

/** A list of them, separated by commas. */
export function counts(text, name) {
  return text.split(",").map((value) => count(value, name));
}

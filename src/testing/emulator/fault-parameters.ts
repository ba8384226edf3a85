/**
 * The parameters of a fault, as data: what a page asks for, what a wrong value is refused with, and what a missing one becomes.
 */

/** One parameter of a fault. */
export type FaultParameter =
  | { readonly type: "number"; readonly default: number; readonly min: number; readonly max: number }
  | { readonly type: "text"; readonly default: string }
  | { readonly type: "flag"; readonly default: boolean }
  | { readonly type: "choice"; readonly default: string; readonly choices: readonly string[] }
  | { readonly type: "texts"; readonly default: readonly string[] }
  | { readonly type: "headers"; readonly default: Readonly<Record<string, string>> }
  | { readonly type: "json"; readonly default: undefined };

/** Any integer from `min` to `max`. */
export function integer(standard: number, min: number, max: number): FaultParameter {
  return { type: "number", default: standard, min, max };
}

/** One of a few words; the first is the default. */
export function choice(...choices: readonly [string, ...string[]]): FaultParameter {
  return { type: "choice", default: choices[0], choices };
}

/** True or false. */
export function flag(standard: boolean): FaultParameter {
  return { type: "flag", default: standard };
}

/** Any text. */
export function text(standard: string): FaultParameter {
  return { type: "text", default: standard };
}

/** A list of texts. */
export function texts(...standard: readonly string[]): FaultParameter {
  return { type: "texts", default: standard };
}

/** Fills in what a fault leaves open. Throws a `TypeError` that names a parameter that is unknown or has a wrong value. */
export function completeParameters(
  parameters: Readonly<Record<string, FaultParameter>>,
  fault: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { kind, ...given } = fault;
  for (const [name, value] of Object.entries(given)) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    const known = Object.keys(parameters).join(", ") || "none";
    if (parameter === undefined) throw new TypeError(`fault ${String(kind)}: there is no parameter ${name}; it has ${known}`);
    if (value !== undefined && !accepts(parameter, value)) {
      throw new TypeError(`fault ${String(kind)}: ${name} must be ${wanted(parameter)}`);
    }
  }
  const complete = Object.entries(parameters).map(([name, parameter]) => [name, given[name] ?? parameter.default]);
  return { kind, ...(Object.fromEntries(complete) as Record<string, unknown>) };
}

function accepts(parameter: FaultParameter, value: unknown): boolean {
  switch (parameter.type) {
    case "number":
      return Number.isSafeInteger(value) && Number(value) >= parameter.min && Number(value) <= parameter.max;
    case "text":
      return typeof value === "string";
    case "flag":
      return typeof value === "boolean";
    case "choice":
      return parameter.choices.includes(value as string);
    case "texts":
      return Array.isArray(value) && value.every((entry) => typeof entry === "string");
    case "headers":
      return typeof value === "object" && value !== null && Object.values(value).every((entry) => typeof entry === "string");
    case "json":
      return true;
  }
}

function wanted(parameter: FaultParameter): string {
  switch (parameter.type) {
    case "number":
      return `an integer from ${parameter.min} to ${parameter.max}`;
    case "choice":
      return parameter.choices.map((word) => JSON.stringify(word)).join(" or ");
    case "flag":
      return "true or false";
    case "texts":
      return "a list of strings";
    case "headers":
      return "an object of strings";
    case "text":
    case "json":
      return "a string";
  }
}

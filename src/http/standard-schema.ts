/** The part of the Standard Schema specification (https://standardschema.dev) that we call: zod, valibot, arktype and others fit it. */

/** A schema of any library that speaks Standard Schema, version 1. */
export interface StandardSchema<Output = unknown> {
  /** Version, vendor and `validate`, as the specification has them. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a schema answers. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** Where a schema found fault: paths only, since messages may quote values. */
export function issuePaths(
  issues: readonly { readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined }[],
): string {
  const paths = issues.map(
    (issue) => (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".") || "(the whole body)",
  );
  const unique = [...new Set(paths)];
  return unique.slice(0, 5).join(", ") + (unique.length > 5 ? ` and ${unique.length - 5} more` : "");
}

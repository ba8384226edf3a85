/** What a call makes of a successful answer: JSON, validated when the caller gave a schema. */
import { isUtf8 } from "node:buffer";
import { MalformedResponseError } from "../errors.js";
import { secretsIn } from "../network-failure.js";
import { describeRequest, header, type WireRequest, type WireResponse } from "../transport.js";
import { isThenable, waitFor, type WaitLimits } from "../waiting.js";
import { apiError, correlationIdOf, isErrorEnvelope, partialErrors } from "./api-error.js";
import type { HubSpotResponse } from "./http-options.js";
import { issuePaths, type StandardResult, type StandardSchema } from "./standard-schema.js";

/** What is read of the call. */
export interface AnsweredCall {
  readonly schema: StandardSchema | undefined;
  limits<T>(): WaitLimits<T>;
}

/** The parsed body. Without a schema there is nothing to wait for. */
export function readBody(response: WireResponse, request: WireRequest, call: AnsweredCall): unknown {
  const body = parseJson(response, request);
  if (isErrorEnvelope(body)) {
    throw apiError(response, { request: describeRequest(request), accountId: undefined, secrets: secretsIn(request), replayable: true });
  }
  return call.schema === undefined ? body : validated(body, call.schema, response, request, call);
}

/** Status, headers and the parsed body. Without a schema there is nothing to wait for. */
export function readAnswer(response: WireResponse, request: WireRequest, call: AnsweredCall): HubSpotResponse | Promise<HubSpotResponse> {
  const { status, headers } = response;
  const answer = (body: unknown): HubSpotResponse => ({ status, headers, body, errors: partialErrors(status, body, secretsIn(request)) });
  const body = readBody(response, request, call);
  return call.schema === undefined ? answer(body) : Promise.resolve(body).then(answer);
}

/** The parsed body of a success; `undefined` when it is empty. A body whose type is not named is tried as JSON, as mocks often send it. */
function parseJson(response: WireResponse, request: WireRequest): unknown {
  const { body, status } = response;
  if (body.length === 0) return undefined;
  const type = header(response, "content-type");
  if (type !== undefined && !/[/+]json\b/i.test(type)) {
    throw new MalformedResponseError(`HubSpot answered ${describeRequest(request)} with something other than JSON (status ${status}).`, {
      status,
      correlationId: correlationIdOf(response, {}),
    });
  }
  try {
    const text = body.toString();
    // What is not UTF-8 was read as replacement characters; looking for one costs less than looking at every byte.
    if (text.includes("\ufffd") && !isUtf8(body)) throw new SyntaxError("not UTF-8");
    return JSON.parse(text);
  } catch {
    throw new MalformedResponseError(`HubSpot's answer to ${describeRequest(request)} is not valid JSON (status ${status}).`, {
      status,
      correlationId: correlationIdOf(response, {}),
    });
  }
}

async function validated(
  body: unknown,
  schema: StandardSchema,
  response: WireResponse,
  request: WireRequest,
  call: AnsweredCall,
): Promise<unknown> {
  const answer = schema["~standard"].validate(body);
  const result = isThenable(answer) ? await waitFor(Promise.resolve(answer), call.limits<StandardResult<unknown>>()) : answer;
  if (result.issues === undefined) return result.value;
  throw new MalformedResponseError(
    `HubSpot's answer to ${describeRequest(request)} does not fit the schema at: ${issuePaths(result.issues)}.`,
    { status: response.status, correlationId: correlationIdOf(response, {}), issues: result.issues },
  );
}

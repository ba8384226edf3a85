/** The pages that the provider leaves to its operator: who are you, and do you agree. Filled in by `Browser`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Provider } from "oidc-provider";

/** Shows the page of the step that the provider is at, or takes its answer and sends the browser on. */
export async function answerInteraction(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (request.method === "GET") {
    const page = `<form method="post"><input type="hidden" name="prompt" value="${prompt.name}"></form>`;
    response.writeHead(200, { "content-type": "text/html" }).end(page);
    return;
  }
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const form = new URLSearchParams(text);
  const finish = (result: Readonly<Record<string, unknown>>, merge: boolean): Promise<void> =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission: merge });
  if (form.get("choice") === "deny") return finish({ error: "access_denied", error_description: `No at ${prompt.name}` }, false);
  if (prompt.name === "login") return finish({ login: { accountId: form.get("user") } }, false);
  const standing = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const grant = standing ?? new provider.Grant({ accountId: session?.accountId ?? "", clientId: params.client_id });
  grant.addOIDCScope(prompt.details.missingOIDCScope?.join(" ") ?? "");
  return finish({ consent: { grantId: await grant.save() } }, true);
}

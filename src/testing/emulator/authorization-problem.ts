/**
 * What an error page of HubSpot's says when it stops an install.
 */

/** An error page: the browser stays at HubSpot, the app never hears of it. */
export interface AuthorizationProblem {
  readonly title: string;
  /** What is wrong. */
  readonly detail: string;
  /** What the app's developer does about it. */
  readonly fix: string;
}

/** Whether HubSpot shows an error page. */
export function isProblem(value: object): value is AuthorizationProblem {
  return "title" in value && "detail" in value;
}

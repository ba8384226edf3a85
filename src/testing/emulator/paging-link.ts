/** The link to the next page in HubSpot's `paging`. */

/** The same URL with another cursor. */
export function nextPageLink({ origin, pathname, search }: URL, after: string): string {
  // Not by the URL's own `searchParams`: each change of those parses the URL anew.
  const params = new URLSearchParams(search);
  params.set("after", after);
  return `${origin}${pathname}?${params.toString()}`;
}

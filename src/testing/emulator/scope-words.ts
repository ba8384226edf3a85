/**
 * What a scope lets an app do, in words for the consent page. The names are HubSpot's, the words are ours.
 */

const WORDS: Readonly<Record<string, string>> = {
  oauth: "Know which account and user it is connected to",
  "crm.lists.read": "Read lists of records",
  "crm.lists.write": "Create, change and delete lists of records",
  tickets: "Read and change tickets",
  forms: "Read and change forms and what people sent with them",
  files: "Read and change files",
  automation: "Read and change workflows",
  content: "Read and change pages, posts and their settings",
  timeline: "Add events to the timelines of records",
  hubdb: "Read and change database tables",
  "e-commerce": "Read and change products and line items",
  "sales-email-read": "Read the emails that salespeople send and log",
  "conversations.read": "Read conversations in the inbox",
  "conversations.write": "Write in conversations in the inbox",
  "account-info.security.read": "Read the account's audit and security history",
  "settings.users.read": "Read who is a user of the account",
  "settings.users.write": "Add, change and remove users of the account",
};

const VERBS: Readonly<Record<string, string>> = {
  read: "Read",
  write: "Create, change and delete",
};

/** One sentence without a full stop. */
export function scopeInWords(scope: string): string {
  const known = Object.hasOwn(WORDS, scope) ? WORDS[scope] : undefined;
  if (known !== undefined) return known;
  const {
    area,
    subject = "",
    verb,
  } = /^crm\.(?<area>objects|schemas)\.(?<subject>[a-z_]+)\.(?<verb>read|write)$/u.exec(scope)?.groups ?? {};
  const does = VERBS[verb ?? ""];
  const what = subject === "custom" ? "custom objects" : subject.replaceAll("_", " ");
  if (does !== undefined) return area === "objects" ? `${does} ${what}` : `${does} the fields that ${what} have`;
  return `Use what HubSpot calls ${scope}`;
}

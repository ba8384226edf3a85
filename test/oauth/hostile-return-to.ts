/**
 * Values of `returnTo` that somebody else has chosen: known ways to leave an origin, to smuggle a header or a script, and to confuse whoever
 * decodes, normalises or joins. Data only; `return-to.test.ts` says what becomes of them.
 */

/** Each followed by a foreign host, `evil.example`. */
const BEFORE_A_HOST = [
  // Another authority, and every spelling of the two slashes before it.
  ...["//", "///", "////", "/////", "/\\", "\\/", "\\\\", "/\\/", "\\/\\", "/\\\\", "\\\\\\", "//\\", "///\\", "/\\/\\"],
  // What the URL parser of browsers removes, or trims, before it looks.
  ...["/\t/", "/\n/", "/\r/", "/\r\n/", "/\t\n\r/", "\t//", "\n//", "\r//", " //", "  //", "\u0000//", "\u0001//", "\u001f//", "\u000b//"],
  ...["/\t\\", "\\\t/", "\t/\t/", "/\t/\t/", "//\t", "//\n", "/ /", "/\u000b/", "/\u000c/", "/\u0000/", "/\u0008/", "/\u001f/", "/\u007f/"],
  // The same, encoded once, for whoever decodes before redirecting.
  ...["/%2f", "/%2F", "%2f%2f", "%2F%2F", "%2f/", "/%2f%2f", "/%5c", "/%5C", "/%5c/", "/%2f%5c", "/%5c%2f", "%5c%5c", "%5C/", "\\%2f"],
  ...[
    "/%09/",
    "/%0a/",
    "/%0A/",
    "/%0d/",
    "/%0d%0a/",
    "/%0D%0A%09/",
    "/%00/",
    "/%0b/",
    "/%0c/",
    "/%1f/",
    "/%09%2f",
    "/%09\\",
    "/%0a%5c",
    "%09//",
  ],
  ...["/a//", "/a/%2f", "/a%2f%2f", "/a/\\", "/a%5c", "/a%5c%5c"],
  // Segments that go away.
  ...[
    "/.//",
    "/..//",
    "/a/..//",
    "/a/b/../..//",
    "/a/../..//",
    "/./..//",
    "/../..//",
    "/.\\/",
    "/..\\",
    "/..\\\\",
    "/..\\/",
    "/.;//",
    "/..;//",
  ],
  ...[
    "/%2e//",
    "/%2e%2e//",
    "/%2E%2E//",
    "/.%2e//",
    "/%2e.//",
    "/%2e%2e/%2f",
    "/..%2f/",
    "/.%2e/%2f",
    "/..%2f%2f",
    "/..%5c%5c",
    "/%2e%2e%5c\\",
  ],
  ...["./..//", "..//", ".//", "./\\", "../\\", "..\\/"],
  // A whole URL, in the spellings that browsers mend.
  ...["https://", "http://", "HTTPS://", "hTTpS://", "https:", "https:/", "https:///", "https:\\\\", "https:\\", "https:/\\", "https:\\/"],
  ...["http:", "http:/", "http:\\\\", "ht\ttps://", "https\n://", "https:\t//", "https:/\t/", " https://", "\thttps://", "\u0000https://"],
  ...["ftp://", "ws://", "wss://", "gopher://", "ldap://", "intent://", "x-evil://", "file://", "view-source:https://", "blob:https://"],
  ...["https%3a//", "https:%2f%2f", "https%3A%2F%2F", "/https://", "/redirect//"],
  // Our own host as somebody's user name, or as the beginning of his.
  ...["//user:pass@", "//app.example.com@", "//app.example.com:443@", "https://app.example.com@", "https://app.example.com:443@"],
  ...[
    "https://app.example.com%40",
    "https://app.example.com\\@",
    "https://app.example.com%2f@",
    "https://app.example.com;@",
    "@",
    ":@",
    ":443@",
  ],
  ...["https://app.example.com.", "//app.example.com.", ".", "-", ".app."],
  // Signs that look like slashes, dots and nothing.
  ...["／／", "/／", "／/", "⁄⁄", "/⁄", "∕∕", "/∕", "⧸⧸", "＼＼", "/＼", "。", "．．/／", "//。", "/。/", "／＼"],
  ...[
    "/\u00a0/",
    "/\u00ad/",
    "/\u200b/",
    "/\u200e/",
    "/\u202e/",
    "/\u2028/",
    "/\u2029/",
    "/\u2060/",
    "/\u3000/",
    "/\ufeff/",
    "\ufeff//",
    "\u00a0//",
  ],
  // The same as other encodings of them, or as no encoding at all.
  ...[
    "/%ef%bc%8f",
    "/%EF%BC%8F%EF%BC%8F",
    "/%ef%bc%bc",
    "/%e2%80%a5/%2f",
    "/%c0%af",
    "/%c1%9c",
    "/%e0%80%af",
    "/%u002f",
    "/%u005c",
    "/%f0%80%80%af",
    "/%",
    "/%2/",
    "/%zz/",
    "/%%2f",
  ],
] as const;

/** Hostile without a host. */
const ALONE = [
  // Scripts and other documents.
  ...["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "java\tscript:alert(1)", "\u0001javascript:alert(1)"],
  ...[" javascript:alert(1)", "javascript://%0aalert(1)", "javascript:/*//evil.example*/alert(1)", "javascript&colon;alert(1)"],
  ...["javascript%3aalert(1)", "&#106;avascript:alert(1)", "vbscript:x", "data:text/html,x", "data:text/html;base64,PHg+", "DATA:,x"],
  ...[
    "blob:https://app.example.com/x",
    "about:blank",
    "about:srcdoc",
    "file:///etc/passwd",
    "mailto:a@evil.example",
    "tel:1",
    "filesystem:x",
  ],
  ...['/"onmouseover=alert(1)', '/"><script>alert(1)</script>', "/<script>alert(1)</script>\\", "/'\"><img src=x>"],
  // A second header, a second response, a second line of a log.
  ...["/a\r\nSet-Cookie: x=y", "/a\nSet-Cookie: x=y", "/a\rLocation: https://evil.example", "/a%0d%0aSet-Cookie:%20x=y", "/a%0aLocation:x"],
  ...[
    "/a\r\n\r\n<html>",
    "/a%0d%0a%0d%0a<html>",
    "/a\u0085b",
    "/a\u2028b",
    "/a\nb",
    "/a\u0000b",
    "/a%00b",
    "/a\u001b[31m",
    "/?a\r\nX: y",
    "/#a\r\nX: y",
  ],
  // No path of ours at all.
  ...[
    "",
    " ",
    "settings",
    "./settings",
    "../settings",
    ".",
    "..",
    "~",
    "*",
    "?tab=1",
    "#tab",
    "%2fsettings",
    "%",
    "\\",
    "\\settings",
    "/\\",
    "//",
  ],
  ...["https://app.example.com/settings", "//app.example.com/settings", "app.example.com", "app.example.com/settings", "null", "undefined"],
  // Segments that one reader removes and the next one does not.
  ...[
    "/..",
    "/.",
    "/../",
    "/./",
    "/a/..",
    "/a/../b",
    "/a/./b",
    "/a/%2e%2e",
    "/a/%2E%2e/b",
    "/a/.%2e",
    "/%2e",
    "/%2e%2e%2f",
    "/a//b",
    "/a/%2fb",
  ],
  ...["/a/b//", "/a%2f..%2fb", "/a/..%5cb", "/a\\..\\b", "/a\\b", "/a/%5cb", "/.?x", "/..#x", "/a/../?x", "/a//?x"],
  // Not percent-encoding, not ASCII, not text.
  ...[
    "/%",
    "/%zz",
    "/%c3",
    "/%ff",
    "/%e2%82",
    "/%ed%a0%80",
    "/a b",
    '/a"b',
    "/ä",
    "/😀",
    "/\ud800",
    "/\udc00a",
    "/а",
    `/${"a".repeat(1_024)}`,
  ],
  ...[`//${"a".repeat(2_000)}.evil.example`, `/?${"a".repeat(1_024)}`, `/#${"a".repeat(1_024)}`, "/".repeat(1_024), "/..".repeat(300)],
] as const;

const withHost = BEFORE_A_HOST.map((start) => `${start}evil.example`);

/** Every value, once; each form with and without a path behind the host. */
export const HOSTILE: readonly string[] = [...new Set([...withHost, ...ALONE, ...withHost.map((value) => `${value}/%2f..`)])];
/** The distinct forms. */
export const FORMS: readonly string[] = [...new Set([...withHost, ...ALONE])];

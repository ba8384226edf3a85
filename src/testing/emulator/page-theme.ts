/**
 * How the emulator's pages look: colours for light and dark, type, controls. Its own look on purpose, nobody's brand.
 * Every pair of ink and ground has a contrast of at least 4.5 to 1; test/e2e holds that.
 */

import { Html } from "./html.js";

/** The part of the style that all pages share. */
export const THEME: string = `
:root{color-scheme:light dark;--ink:#1a1d24;--soft:#565d6c;--line:#dcdfe6;--edge:#8a91a1;--page:#f4f5f8;--card:#fff;--sunk:#f4f5f8;
--accent:#4038c7;--on-accent:#fff;--accent-soft:#ecebfb;--good:#1b6b3a;--good-soft:#e5f4ea;--warn:#8a4b00;--warn-soft:#fdf0d9;--bad:#b3261e;--bad-soft:#fce9e7;
--shadow:0 1px 2px rgb(20 22 30/.06),0 8px 24px rgb(20 22 30/.06)}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#a5adbd;--line:#323845;--edge:#768094;--page:#101319;--card:#191d25;--sunk:#12161d;
--accent:#a9b1ff;--on-accent:#14162c;--accent-soft:#262a4d;--good:#84d9a4;--good-soft:#15301f;--warn:#f0c27c;--warn-soft:#35270f;--bad:#ff9f95;--bad-soft:#3c1a18;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
h1,h2,h3{line-height:1.25;text-wrap:balance}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em;overflow-wrap:anywhere}
a{color:var(--accent);text-underline-offset:.15em}
button,select,input{font:inherit;color:inherit}
button{padding:.5rem 1rem;border:1px solid var(--edge);border-radius:.5rem;background:var(--card);cursor:pointer}
button:hover{border-color:var(--accent);color:var(--accent)}
button.primary{background:var(--accent);border-color:var(--accent);color:var(--on-accent);font-weight:600}
button.primary:hover{filter:brightness(1.08)}
select{padding:.45rem .6rem;border:1px solid var(--edge);border-radius:.5rem;background:var(--card);max-width:100%}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.soft{color:var(--soft)}
@media (forced-colors:active){.tile,.pill{border:1px solid}}
`;

/** A mark that belongs to nobody: two dots and a line between them. As a data URL it costs no request, which the log would show. */
const ICON = encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#4038c7"/><path d="M5 11l6-6" stroke="#fff" stroke-width="1.5"/><circle cx="5" cy="11" r="2" fill="#fff"/><circle cx="11" cy="5" r="2" fill="#fff"/></svg>`,
);

/** What stands at the head of every page. */
export const PAGE_HEAD: Html = new Html(
  `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:image/svg+xml,${ICON}">`,
);

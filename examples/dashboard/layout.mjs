// @ts-check
/** What all pages have around them. One style sheet of our own; nothing else is loaded, and no script runs. */
import { html } from "./html.mjs";

export const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "content-security-policy":
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
};

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%230f766e'/%3E" +
  "%3Cpath d='M10 16h12M10 10v12M22 10v12' stroke='white' stroke-width='3' stroke-linecap='round'/%3E%3C/svg%3E";

/**
 * @param {object} page
 * @param {string} page.title
 * @param {import("./html.mjs").Html} page.content
 * @param {import("./people.mjs").Person | undefined} [page.person] who is signed in
 * @param {string | undefined} [page.notice] what has just been done
 */
export function layout({ title, content, person, notice }) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Connections</title>
        <link rel="icon" href="${ICON}" />
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="bar">
          <div class="inner">
            <a class="brand" href="/"
              ><svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
                <rect width="32" height="32" rx="8" />
                <path d="M10 16h12M10 10v12M22 10v12" /></svg
              ><span>Connections</span></a
            >
            ${
              person &&
              html`<div class="who">
                <span><strong>${person.tenant.name}</strong><span class="soft">${person.name}</span></span>
                <form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>
              </div>`
            }
          </div>
        </header>
        <main id="main" tabindex="-1" class="inner">${notice && html`<p class="notice" role="status">${notice}</p>`} ${content}</main>
      </body>
    </html> `.text;
}

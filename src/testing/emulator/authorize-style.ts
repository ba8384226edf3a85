/** The style of the pages between the app and the callback: one card, the same from a phone to a wide screen. */

import { THEME } from "./page-theme.js";

/** CSS. */
export const AUTHORIZE_STYLE: string = `${THEME}
body{display:flex;flex-direction:column;align-items:center;min-height:100vh;padding:clamp(0rem,6vh,5rem) 1rem 1.5rem}
main{width:100%;max-width:32rem;padding:2.25rem;background:var(--card);border:1px solid var(--line);border-radius:1rem;box-shadow:var(--shadow);overflow-wrap:anywhere}
h1{margin:0 0 .75rem;font-size:1.5rem;letter-spacing:-.01em}
h2{margin:1.75rem 0 .5rem;font-size:.95rem;font-weight:600}
p{margin:.5rem 0}
.small{font-size:.875rem}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.tiles{display:flex;align-items:center;gap:.5rem;margin-bottom:1.25rem}
.tile{display:grid;flex:none;place-items:center;width:2.5rem;height:2.5rem;border-radius:.65rem;background:var(--accent-soft);color:var(--accent);font-size:.9rem;font-weight:700}
.tile.app{background:var(--accent);color:var(--on-accent)}
.link{width:2rem;border-top:2px dashed var(--edge)}
.card{display:flex;flex:1;align-items:center;gap:.85rem;min-width:0}
.card>:last-child{min-width:0}
.account{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem;margin:.75rem 0;padding:.85rem 1rem;border:1px solid var(--line);border-radius:.75rem;background:var(--sunk)}
.choices{list-style:none;margin:1.25rem 0 0;padding:0}
.choices a{display:block;margin:.6rem 0;padding:.9rem 1rem;border:1px solid var(--edge);border-radius:.75rem;color:inherit;text-decoration:none}
.choices a:hover{border-color:var(--accent);background:var(--accent-soft)}
.scopes{list-style:none;margin:0;padding:0}
.scopes li{position:relative;padding:.4rem 0 .4rem 1.75rem;border-top:1px solid var(--line)}
.scopes li:first-child{border-top:0}
.scopes li::before{content:"";position:absolute;left:.3rem;top:.75rem;width:.4rem;height:.75rem;border:solid var(--good);border-width:0 2px 2px 0;transform:rotate(45deg)}
.scopes code{display:block;font-size:.78rem}
.field{margin-top:1.75rem}
.field label{display:block;margin-bottom:.35rem;font-size:.95rem;font-weight:600}
.field select{width:100%}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.25rem}
.actions button{flex:1 1 10rem;padding:.7rem 1.25rem}
.notice{padding:.85rem 1rem;border-left:4px solid var(--bad);border-radius:.25rem .75rem .75rem .25rem;background:var(--bad-soft)}
footer{margin-top:1.25rem;padding:0 1rem;color:var(--soft);font-size:.8rem;text-align:center}
@media (max-width:36rem){body{padding:0 0 1.25rem;background:var(--card)}main{padding:1.5rem 1.15rem;border:0;border-radius:0;box-shadow:none}}
`;

/** The style of the console: cards on the left and the request log beside them on a wide screen, one after the other on a narrow one. */

import { THEME } from "../page-theme.js";

/** CSS. */
export const STYLE: string = `${THEME}
body{font-size:.9375rem}
header,main,footer,#status,.note{max-width:100rem;margin:0 auto;padding:0 1.5rem}
header{display:grid;grid-template-columns:auto 1fr auto auto;align-items:center;gap:.75rem 2rem;padding-top:1.25rem}
h1{margin:0;font-size:1.35rem;letter-spacing:-.01em}
h2{margin:0;font-size:1.05rem}
h3{margin:0;font-size:1rem}
.title p{margin:.1rem 0 0}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
.clock{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem}
.clock p{margin:0;font-variant-numeric:tabular-nums}
.buttons{display:flex;flex-wrap:wrap;gap:.5rem;margin:0}
.buttons button{padding:.3rem .7rem;font-size:.875rem}
button[aria-pressed=true]{background:var(--accent-soft);border-color:var(--accent);color:var(--accent)}
#status{min-height:2.75rem;margin-top:.75rem;padding-top:.6rem;padding-bottom:.6rem}
#status:not(:empty)::before{content:"";display:inline-block;width:.55rem;height:.55rem;margin-right:.6rem;border-radius:50%;background:var(--accent)}
.note{color:var(--soft)}
main{display:grid;gap:1.75rem;padding-bottom:2rem}
main>section{min-width:0}
main h2{display:flex;align-items:center;min-height:2.25rem;margin-bottom:.4rem}
.heading{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1rem;margin-bottom:.4rem}
.heading h2,.heading p{margin:0}
.heading form{margin-left:auto}
.cards{display:grid;gap:.75rem;list-style:none;margin:0;padding:0}
.card{padding:1rem 1.1rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem .9rem;margin:.6rem 0;font-size:.875rem}
dt{color:var(--soft)}
dd{margin:0;min-width:0;overflow-wrap:anywhere}
.card form{margin-top:.85rem}
.card>dl:last-child{margin-bottom:0}
.faults{list-style:none;margin:0 0 .75rem;padding:0;font-size:.875rem}
.faults li{padding:.35rem 0}
.fields{display:grid;grid-template-columns:1fr 1fr;gap:.6rem .75rem;align-items:end}
.fields p{margin:0;min-width:0}
.fields p:first-child{grid-column:1/-1}
.fields label{display:block;margin-bottom:.15rem;color:var(--soft);font-size:.8125rem}
.fields select{width:100%;font-size:.875rem}
.line{display:block}
.small{font-size:.8125rem}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.pill{display:inline-block;padding:.05rem .55rem;border-radius:1rem;background:var(--sunk);color:var(--soft);font-size:.8125rem;font-weight:600;white-space:nowrap;font-variant-numeric:tabular-nums}
.pill.good{background:var(--good-soft);color:var(--good)}
.pill.warn{background:var(--warn-soft);color:var(--warn)}
.pill.bad{background:var(--bad-soft);color:var(--bad)}
.scroll{overflow:auto;max-height:26rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
table{width:100%;border-collapse:collapse;font-size:.875rem}
th{position:sticky;top:0;background:var(--card);color:var(--soft);font-weight:600;text-align:left;box-shadow:inset 0 -1px var(--line)}
th,td{padding:.5rem .75rem;vertical-align:top}
tr+tr td{border-top:1px solid var(--line)}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.requests table{min-width:34rem}
.requests th:nth-child(3){width:60%}
.requests td:nth-child(4){min-width:9rem}
.whole{white-space:nowrap}
.request{display:block;overflow-wrap:anywhere}
footer{padding-top:.5rem;padding-bottom:2rem;color:var(--soft);font-size:.8125rem}
@media (prefers-reduced-motion:no-preference){.new{animation:arrive 1.2s ease-out}@keyframes arrive{from{background:var(--accent-soft)}}}
@media (min-width:64rem){
main{grid-template-columns:minmax(22rem,26rem) minmax(0,1fr);grid-template-rows:repeat(4,auto) 1fr;align-items:start}
main>section{grid-column:1}
main>.requests{grid-column:2;grid-row:1/span 5;position:sticky;top:1rem}
.requests .scroll{max-height:calc(100vh - 5rem);min-height:20rem}
}
@media (max-width:63.99rem){header{grid-template-columns:1fr}}
@media (max-width:36rem){header,main,footer,#status,.note{padding-left:1rem;padding-right:1rem}}
`;

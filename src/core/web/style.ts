/**
 * The style of every page that is made here. Colours keep 4.5:1 against their ground in both schemes; marks are shapes,
 * not colours alone.
 */
export const BASE_STYLE = `
:root{color-scheme:light dark;--ground:#fbfaf7;--ink:#1d1f21;--quiet:#5a5f64;--line:#dcd8cf;--card:#f3f1eb;
--ok:#1d6a39;--attention:#963b00;--unknown:#594a87;--link:#1b4f8f}
@media (prefers-color-scheme:dark){:root{--ground:#15171a;--ink:#e7e5e0;--quiet:#a4a8ad;--line:#34383d;--card:#1d2024;
--ok:#82d19d;--attention:#ffad70;--unknown:#c5b6f2;--link:#9cc3f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
main{max-width:46rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1,h2,p,ul,dl,dd,table{margin:0}
h1{font-size:1rem;font-weight:600}
h2{font-size:1.125rem;font-weight:600;line-height:1.3}
a{color:var(--link);text-underline-offset:.18em}
a:focus-visible,button:focus-visible{outline:2px solid var(--link);outline-offset:3px;border-radius:2px}
code{font:.875em/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
time{cursor:help;white-space:nowrap}
.free{overflow-wrap:anywhere}
header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1.5rem;padding-bottom:.75rem;
border-bottom:1px solid var(--line)}
.quiet,.age{color:var(--quiet);font-size:.875rem}
.verdict{font-size:clamp(1.75rem,7vw,2.5rem);line-height:1.15;letter-spacing:-.015em;font-weight:600;margin:2rem 0 .75rem}
.ok{color:var(--ok)}.attention{color:var(--attention)}.unknown{color:var(--unknown)}
.mark{display:inline-block;width:1.5rem;text-indent:0;font-weight:700}
.verdict .mark{width:1.2em}
section{margin-top:2.5rem;padding-top:1rem;border-top:1px solid var(--line)}
.head{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:0 1rem}
.says{margin-top:.35rem;max-width:40rem}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:1.1rem 1.5rem;margin-top:1.1rem}
dl div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
dt{color:var(--quiet);font-size:.875rem;line-height:1.35}
dd{font-size:1.375rem;line-height:1.3}
dd small{font-size:.875rem;color:var(--quiet)}
table{width:100%;border-collapse:collapse;margin-top:1.5rem;font-size:.9375rem}
caption{text-align:left;color:var(--quiet);font-size:.875rem;padding-bottom:.35rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .9rem .45rem 0;border-top:1px solid var(--line);font-weight:400}
thead th{color:var(--quiet);font-size:.8125rem;border-top:0;padding-top:0}
th:last-child,td:last-child{padding-right:0}
.n{text-align:right;white-space:nowrap}
td .quiet{display:block}
dl+.says,table+.says{margin-top:1rem}
@media (max-width:34rem){main{padding:1rem 1rem 3rem}th,td{padding-right:.6rem}.id code{font-size:.75rem}}
`;

import { createHash } from 'node:crypto';
import { BASE_STYLE } from '../../core/web/style.ts';

/** The only style of the pages for operators. */
export const STYLE = `${BASE_STYLE}.reasons{list-style:none;padding:0;max-width:40rem}
.reasons li{padding:.3rem 0 .3rem 1.5rem;text-indent:-1.5rem}
.type{background:var(--card);padding:.75rem 1rem;margin-top:1rem;border-radius:4px}
.type code{display:block}
.act,button{display:inline-block;margin-top:1.25rem;padding:.6rem 1.1rem;border:1px solid currentColor;border-radius:4px;
background:transparent;color:var(--link);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
button{background:var(--link);border-color:var(--link);color:var(--ground)}
.acts{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 1.5rem}
footer{margin-top:3rem;padding-top:.75rem;border-top:1px solid var(--line);display:flex;flex-wrap:wrap;gap:.25rem 1.5rem}
@media print{.act,footer{display:none}}
`;

/** Nothing is loaded, run or sent anywhere but here, whatever stands in the text of a page. */
export const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

import type { RedisRole } from './ports.ts';

/** `key:value` lines of INFO and CLUSTER INFO; comments and blank lines are left out. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0 || line.startsWith('#')) continue;
    fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** host and port of `host:port`; the last colon separates, so that IPv6 in brackets works. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(address.slice(colon + 1)) };
}

/** The answer of ROLE. Throws TypeError for one that is neither a master's nor a replica's (a sentinel's). */
export function parseRole(answer: unknown): RedisRole {
  const [role, ...rest] = Array.isArray(answer) ? (answer as unknown[]) : [];
  if (role === 'master') return { role: 'master', offset: Number(rest[0]) };
  if (role !== 'slave') throw new TypeError(`ROLE answered ${String(role)}`);
  const [host, port, link, offset] = rest;
  return {
    role: 'replica',
    master: `${String(host)}:${String(port)}`,
    link: String(link),
    offset: Number(offset),
  };
}

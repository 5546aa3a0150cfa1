import { isIP } from 'node:net';

export interface AskedBy {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`; programs send none. */
  readonly site: string | undefined;
}

/** Host name of a Host header, without port and brackets; undefined where there is none. */
export function hostNameOf(host: string | undefined): string | undefined {
  const url = host === undefined || !URL.canParse(`http://${host}/`) ? undefined : new URL(`http://${host}/`);
  return url?.hostname.replace(/^\[|\]$/g, '');
}

/**
 * Whether a request names us as somebody who means us would: an address, `localhost`, or a name we were told. Any other
 * name may be one that a page of somebody else made point here, and to the browser that page and we are one origin then.
 */
export function namesUs(host: string | undefined, names: readonly string[]): boolean {
  const name = hostNameOf(host);
  if (name === undefined) return false;
  return isIP(name) !== 0 || name === 'localhost' || names.includes(name);
}

/** Whether no page of somebody else asks. What no browser sent carries neither header. Pure. */
export function isOwnPage({ host, origin, site }: AskedBy): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { KafkaTls } from './target.ts';

/** Node's TLS options for one broker host. SNI must be a name, never an address (RFC 6066 §3). */
export function tlsOptions(tls: KafkaTls, host: string): ConnectionOptions {
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(servername === undefined ? {} : { servername }),
  };
}

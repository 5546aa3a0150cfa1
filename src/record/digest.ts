import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import canonicalize from 'canonicalize';
import { reasonOf, UpliftError } from '../core/error.ts';
import { hashOf } from './envelope.ts';

export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** SHA-256 of a file, in bounded memory; undefined where there is none. Throws UPL-INPUT-INVALID for one that cannot be read. */
export async function digestOfFile(path: string): Promise<FileDigest | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UpliftError('UPL-INPUT-INVALID', {
      message: `${path} cannot be read: ${reasonOf(error)}.`,
      cause: error,
    });
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** SHA-256 of a JSON value in canonical form (RFC 8785): equal values, equal hash, whatever their order was. */
export function digestOfJson(value: unknown): string {
  return hashOf(Buffer.from(canonicalize(value) ?? ''));
}

import { createHash } from 'node:crypto';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { createAppendFile } from '../../record/append-file.ts';
import type { ProbeWrite } from './probe.ts';

/** A file of the run that another program can read to judge for itself. */
export interface ProbeHistory {
  readonly path: string;
  readonly sha256: string;
}

/**
 * Writes every outcome as a line of JSON (`id`, `group`, `endedNs` on the monotonic clock, `outcome`), in the order in
 * which they came, and returns once they are on disk. Throws UPL-CANNOT-WRITE.
 */
export async function writeProbeHistory(path: string, writes: readonly ProbeWrite[]): Promise<string> {
  const lines = writes.map((write) => `${JSON.stringify({ ...write, endedNs: write.endedNs.toString() })}\n`);
  const bytes = Buffer.from(lines.join(''));
  try {
    const file = await createAppendFile(path);
    try {
      await file.append(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `${path} cannot be written: ${reasonOf(cause)}.`,
      next: `df -h ${path}`,
      cause,
    });
  }
  return createHash('sha256').update(bytes).digest('hex');
}

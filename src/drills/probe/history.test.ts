import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeProbeHistory } from './history.ts';
import type { ProbeWrite } from './probe.ts';

const WRITES: ProbeWrite[] = [
  { id: 'a', group: 'h:1', endedNs: 9_007_199_254_740_993n, outcome: 'ok' },
  { id: 'b', group: 'h:2', endedNs: 9_007_199_254_740_994n, outcome: 'info' },
];

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-probe-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the history of a probe', () => {
  it('has a line per write with all digits of its time, and the digest of its bytes', async () => {
    const path = join(dir, 'probe.ndjson');
    const sha256 = await writeProbeHistory(path, WRITES);
    const bytes = await readFile(path);
    expect(
      bytes
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(WRITES.map((write) => ({ ...write, endedNs: write.endedNs.toString() })));
    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('is never written over another one', async () => {
    const path = join(dir, 'probe.ndjson');
    await writeProbeHistory(path, WRITES);
    await expect(writeProbeHistory(path, [])).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    expect((await readFile(path)).length).toBeGreaterThan(0);
  });
});

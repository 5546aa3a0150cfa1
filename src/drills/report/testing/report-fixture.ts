import { generateKeyPairSync } from 'node:crypto';
import { type SigningKey, signingKeyOf } from '../../../record/keys.ts';
import { type Sample, STARTED_MS, sampleRun } from '../../record/testing/record-fixture.ts';
import { gatherRuns } from '../gather.ts';
import type { DrillReport } from '../report.ts';

/** A key that nobody has used yet. */
export const newKey = (): SigningKey =>
  signingKeyOf(
    String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
    'own',
  );
/** The one that samples are signed with, and that a report knows. */
export const own = newKey();

/** Run ids in the order of their numbers, 0 to 9. */
export const id = (at: number): string => `01a2155${at}-599f-77f4-bbf0-a44a24836f27`;

/** What the tests of reports do in a state folder. */
export function reportsIn(stateDir: () => string) {
  return {
    run: (at: number, sample: Sample = {}) => sampleRun(stateDir(), id(at), own, sample),
    async reportOf(sinceMs: number | null = null): Promise<DrillReport> {
      const gathered = await gatherRuns(stateDir(), [own], sinceMs);
      return { generatedAtMs: STARTED_MS + 86_400_000, sinceMs, uplift: '0.1.0', ...gathered };
    },
  };
}

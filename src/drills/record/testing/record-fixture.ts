import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import type { Json } from '../../../core/step.ts';
import type { SigningKey } from '../../../record/keys.ts';
import { openJournal } from '../../../record/open.ts';
import { inPhase, type Phase } from '../../engine/phase.ts';
import { type RunFolder, runFolder } from '../../run-folder.ts';
import { CONTEXT_KIND } from '../context.ts';
import { endDrill } from '../seal.ts';

/** Wall clock of the first line of a sample, and the monotonic clock at the same moment. */
export const STARTED_MS = Date.UTC(2026, 10, 26, 9, 0, 0);
export const STARTED_NS = 5_000_000_000n;

export interface Sample {
  readonly drill?: string;
  readonly hypothesis?: string;
  readonly restored?: string;
  readonly backInsideSloMs?: number | null;
  readonly lost?: number;
  readonly startedMs?: number;
  readonly approver?: string | null;
  /** Writes that its store probe lost; absent: it has no probe. */
  readonly probeLost?: number;
  /** False: the run was refused before anything was touched. */
  readonly ran?: boolean;
}

/** A drill as its record and history tell it, without any server: ten seconds before the fault, ten after. */
export async function sampleRun(
  stateDir: string,
  runId: string,
  key: SigningKey | { readonly unsigned: string },
  sample: Sample = {},
): Promise<RunFolder> {
  const { drill = 'kafka-broker-loss', startedMs = STARTED_MS, ran = true } = sample;
  const folder = runFolder(stateDir, runId);
  await mkdir(folder.dir, { recursive: true });
  let ms = 0;
  const clock = {
    nowMs: () => startedMs + ms,
    monoNs: () => STARTED_NS + BigInt(Math.round(ms * 1e6)),
  };
  const journal = await openJournal(folder.journal, { runId, actor: 'drill.run pid 7', clock });
  const at = async (atMs: number, kind: string, body: Json): Promise<void> => {
    ms = atMs;
    await journal.append(kind, body);
  };
  const phase = (name: Phase, fromMs: number, toMs: number): Promise<void> => {
    ms = fromMs;
    return inPhase(journal, name, async () => {
      ms = toMs;
    });
  };
  await at(0, CONTEXT_KIND, contextOf(sample.approver ?? null));
  await at(1, 'drill.started', { drill, region: 'local', environment: 'sandbox' });
  if (ran) {
    await writeFile(folder.history, historyText(runId));
    if (sample.probeLost !== undefined) await writeFile(folder.probe, PROBE_TEXT);
    await at(2, 'drill.preflight', { target: 'Kafka cluster abc' });
    await phase('baseline', 1000, 9000);
    await phase('fault', 9500, 14_000);
    await at(14_001, 'drill.observed', { faultNs: String(STARTED_NS + 10_000_000_000n) });
    await phase('restore', 14_002, 17_000);
    await phase('after', 17_001, 20_000);
    await at(21_000, 'drill.result', resultOf(runId, drill, startedMs, sample));
  }
  const ended = ran
    ? { execution: 'completed', exit: 0 }
    : { execution: 'aborted', reason: 'broker 2 is down' };
  await endDrill({ journal, folder, key, ended });
  return folder;
}

/** What a store probe writes, in short. */
const PROBE_TEXT = '{"endedNs":"7","group":"a","id":"p1","outcome":"ok"}\n';

const contextOf = (approver: string | null): Json => ({
  who: { user: 'ada', host: 'ops-1', uplift: '0.1.0', node: 'v24.0.0', platform: 'linux x64' },
  approver,
  versions: [
    { system: 'kafka', name: 'cluster abc', version: 'metadata.version 29' },
    { system: 'postgres', name: 'az_a', version: '15.14' },
    { system: 'redis', name: '127.0.0.1:7000', version: null, reason: 'no answer' },
  ],
  configSha256: 'c'.repeat(64),
});

function resultOf(runId: string, drill: string, startedMs: number, sample: Sample): Json {
  const { hypothesis = 'held', restored = 'restored', lost = 0, backInsideSloMs = 4100 } = sample;
  return {
    drill,
    runId,
    hypothesis,
    restored,
    reasons: hypothesis === 'held' ? [] : ['back inside SLO after 41.0 s, target 30.0 s'],
    target: 'Kafka cluster abc',
    fault: 'SIGKILL broker 2 (az-b, leads 26 of 72 partitions)',
    faultAtMs: startedMs + 10_000,
    recoveryTargetMs: 30_000,
    recovery: { backInsideSloMs },
    restoredInMs: 7000,
    topologyDiff: restored === 'restored' ? [] : ['events/3 is led by 1, was 2'],
    judgement: {
      acknowledged: 8412,
      lost: Array.from({ length: lost }, (_, index) => ({ eventId: `e${index}` })),
      duplicates: [],
      unknown: 3,
    },
    history: { path: 'history.ndjson', sha256: '0'.repeat(64) },
    ...(sample.probeLost === undefined ? {} : { probe: probeOf(sample.probeLost) }),
  };
}

const probeOf = (lostCount: number): Json => ({
  acknowledged: 500,
  lostCount,
  history: { path: 'probe.ndjson', sha256: createHash('sha256').update(PROBE_TEXT).digest('hex') },
});

/** Ten operations a second; none for three seconds after the fault, one of which fails for good. */
export function historyText(runId: string): string {
  const lines: string[] = [
    JSON.stringify({
      t: 'header',
      v: 1,
      runId,
      tenant: 't',
      wallMs: STARTED_MS,
      monoNs: String(STARTED_NS),
      ratePerS: 10,
      partitions: 4,
      seed: 1,
      gateways: [{ id: 'g', url: 'http://127.0.0.1:1' }],
    }),
  ];
  const counts = { invoke: 0, ok: 0, fail: 0, info: 0, read: 0 };
  for (let op = 1; op <= 200; op += 1) {
    const dueUs = op * 100_000;
    const isAway = dueUs >= 10_000_000 && dueUs < 13_000_000;
    const t = op === 110 ? 'fail' : 'ok';
    const atUs = t === 'ok' && isAway ? 13_000_000 + op * 100 : dueUs + 18_000;
    counts.invoke += 1;
    counts[t] += 1;
    lines.push(
      JSON.stringify({
        t: 'invoke',
        op,
        key: `k${op}`,
        event: `e${op}`,
        verb: 'create',
        reservation: null,
        resource: 'r',
        partition: op % 4,
        slot: null,
        quantity: 1,
        attempt: 1,
        gateway: 'g',
        dueUs,
        sentUs: dueUs,
      }),
      JSON.stringify({ t, op, atUs, status: t === 'ok' ? 202 : 503, token: null, reason: null }),
    );
  }
  const text = lines.map((line) => `${line}\n`).join('');
  const sha256 = createHash('sha256').update(text).digest('hex');
  return `${text}${JSON.stringify({ t: 'end', atUs: 20_100_000, counts, sha256 })}\n`;
}

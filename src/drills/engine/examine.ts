import { CAPACITY_PER_RESOURCE } from '../../contract/rules.ts';
import { judge } from '../../load/checker.ts';
import { type Proof, proveChecker } from '../../load/checker-proof.ts';
import { loadHistory } from '../../load/history-reader.ts';
import type { JudgeInput, Judgement } from '../../load/verdicts.ts';
import { type Gathered, type GatherRequest, gatherFinalReads } from '../reads/gather.ts';
import { quiesce } from '../reads/quiesce.ts';

/** Where the final reads look. */
export type ExaminePorts = Pick<GatherRequest, 'read' | 'http' | 'writer' | 'replicas'>;

export interface ExamineRequest {
  /** File that the load wrote. */
  readonly history: string;
  readonly gateways: readonly string[];
  /** One request or query. */
  readonly timeoutMs: number;
  /** Until what is on its way has arrived everywhere. */
  readonly quiesceMs?: number;
  /** Longest one topic may take to its end. */
  readonly topicMs?: number;
}

export interface Examined {
  readonly judgement: Judgement;
  readonly proof: Proof;
  /** What could not be looked at, or did not get to its end. */
  readonly troubles: readonly string[];
  readonly counts: Gathered['counts'];
}

const QUIESCE_MS = 30_000;
const TOPIC_MS = 60_000;
const API_MS = 300_000;
/** Its queries have a deadline each; this many of them, all slow, are not expected to take longer. */
const DATABASES_MS = 180_000;
const PROBE_MS = 60_000;
/** What contradicts itself is looked at once more. */
const LOOKS = 2;
/** Longest that everything takes which is read after a drill. */
export const FINAL_READS_MS = LOOKS * (2 * QUIESCE_MS + 2 * TOPIC_MS + API_MS + DATABASES_MS) + PROBE_MS;

/** After a load has ended: waits for what is on its way, reads everything, judges, and proves the judge. */
export async function examine(ports: ExaminePorts, request: ExamineRequest): Promise<Examined> {
  const loaded = await loadHistory(request.history);
  return lookUntilAgreed(() => look(ports, request, loaded));
}

/**
 * Sources are read one after the other. A loss that one behind the hop contradicts may be a copy that came in between: the
 * sweeper sends again what once ended without an answer, also what was wrongly acknowledged since. So everything is looked at
 * once more, and what is still contradicted then (a log that was cut) is the verdict.
 */
export async function lookUntilAgreed<T extends { readonly judgement: Pick<Judgement, 'lost'> }>(
  looked: () => Promise<T>,
): Promise<T> {
  for (let looks = 1; ; looks += 1) {
    const seen = await looked();
    const isContradicted = seen.judgement.lost.some(({ alsoIn }) => alsoIn.length > 0);
    if (!isContradicted || looks >= LOOKS) return seen;
  }
}

async function look(
  { read, http, writer, replicas }: ExaminePorts,
  { timeoutMs, gateways, quiesceMs = QUIESCE_MS, topicMs = TOPIC_MS }: ExamineRequest,
  { report, ops, reads }: Awaited<ReturnType<typeof loadHistory>>,
): Promise<Examined> {
  const late = await quiesce({ read, servers: [writer, ...replicas], timeoutMs, deadlineMs: quiesceMs });
  const { tenant } = report.header;
  const gathered = await gatherFinalReads({
    read,
    http,
    gateways,
    writer,
    replicas,
    tenant,
    ops,
    timeoutMs,
    deadlineMs: topicMs,
    apiDeadlineMs: API_MS,
  });
  const input: JudgeInput = {
    tenant,
    ops,
    reads,
    historyComplete: report.digest === 'equal',
    finalReads: gathered.finalReads,
    capacityOf: () => CAPACITY_PER_RESOURCE,
  };
  const judgement = judge(input);
  const proof = proveChecker(input);
  const unproved = proof.probes
    .filter(({ named }) => !named)
    .map(({ hop }) => `the checker did not name a loss planted at ${hop}`);
  return {
    judgement,
    proof,
    troubles: [...late, ...gathered.troubles, ...unproved],
    counts: gathered.counts,
  };
}

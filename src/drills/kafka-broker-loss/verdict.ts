import { CAPACITY_PER_RESOURCE } from '../../contract/rules.ts';
import { judge } from '../../load/checker.ts';
import { type Proof, proveChecker } from '../../load/checker-proof.ts';
import type { Load } from '../../load/generator.ts';
import { loadHistory } from '../../load/history-reader.ts';
import type { JudgeInput, Judgement } from '../../load/verdicts.ts';
import { type Gathered, gatherFinalReads } from '../reads/gather.ts';
import { quiesce } from '../reads/quiesce.ts';
import type { BrokerLossOptions, BrokerLossPorts } from './types.ts';

export interface Examined {
  readonly judgement: Judgement;
  readonly proof: Proof;
  /** What could not be looked at, or did not get to its end. */
  readonly troubles: readonly string[];
  readonly counts: Gathered['counts'];
}

const QUIESCE_MS = 30_000;
const TOPIC_MS = 60_000;

/** After the load has stopped: waits for what is on its way, reads everything, judges, and proves the judge. */
export async function examine(
  ports: BrokerLossPorts,
  options: BrokerLossOptions,
  load: Load,
): Promise<Examined> {
  const { read, http, writer, replicas } = ports;
  const { timeoutMs } = options;
  const late = await quiesce({ read, servers: [writer, ...replicas], timeoutMs, deadlineMs: QUIESCE_MS });
  const { report, ops, reads } = await loadHistory(options.folder.history);
  const gathered = await gatherFinalReads({
    read,
    http,
    gateways: options.gateways.map(({ url }) => url),
    writer,
    replicas,
    tenant: load.header.tenant,
    ops,
    timeoutMs,
    deadlineMs: TOPIC_MS,
  });
  const input: JudgeInput = {
    tenant: load.header.tenant,
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

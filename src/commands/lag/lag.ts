import { openGroups } from '../../clients/kafka/groups.ts';
import { openSql } from '../../clients/postgres/index.ts';
import { parseDurationMs } from '../../config/duration.ts';
import { PROJECTION } from '../../contract/groups.ts';
import { TOPICS } from '../../contract/records.ts';
import { UpliftError } from '../../core/error.ts';
import { exitOfVerdict, verdictOf } from '../../core/finding.ts';
import type { Action, Deps } from '../../deps.ts';
import type { ProjectionSource } from '../../facts/groups/look.ts';
import { readProjected } from '../../facts/projection/progress.ts';
import { judgeConsumer, worstLagFirst } from '../../lag/judge.ts';
import { lagDocument, presentLag } from '../../lag/present.ts';
import { findingsOf, type RegionLag } from '../../lag/verdict.ts';
import { watchLag } from '../../lag/watch.ts';
import { openRegions, postgresTargets, type Region } from '../shared/region.ts';
import type { LagInput } from './index.ts';

/** A group at most this far behind is `ok`: twice the interval at which Kafka's own consumers commit by default. */
const GROUP_TOLERANCE_MS = 10_000;

interface Settings {
  readonly named: readonly string[];
  readonly maxMs: number | undefined;
  readonly intervalMs: number;
  readonly patienceMs: number;
}

/** `uplift lag --once`: every region is watched for a moment, all side by side; one that is away is a finding. */
export const lagCommand: Action<LagInput> = async (deps, input) => {
  if (!input.once) {
    const message = 'uplift lag has no live view yet; it looks once and ends.';
    throw new UpliftError('UPL-USAGE', { message, next: 'uplift lag --once' });
  }
  const settings: Settings = {
    named: input.group,
    maxMs: input.max === undefined ? undefined : durationOf('--max', input.max),
    intervalMs: durationOf('--interval', input.interval),
    patienceMs: durationOf('--patience', input.patience),
  };
  const regions = await openRegions(deps);
  const seen = await Promise.all(regions.map((region) => lookAt(deps, region, settings)));
  const findings = seen.flatMap((region) => findingsOf(region, settings));
  return {
    exit: exitOfVerdict(verdictOf(findings)),
    kind: 'lag',
    data: lagDocument(seen, findings, settings.maxMs),
    blocks: presentLag(seen, findings, deps.clock.nowMs()),
  };
};

function durationOf(flag: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  throw new UpliftError('UPL-USAGE', { message: `${flag} ${text}: write it as 500ms, 30s or 5m.` });
}

async function lookAt(deps: Deps, region: Region, settings: Settings): Promise<RegionLag> {
  const { config, project } = region;
  const { limits } = project.config.value;
  const { named, maxMs, intervalMs, patienceMs } = settings;
  const toleranceMs = ({ kind }: { readonly kind: 'group' | 'projection' }): number =>
    Math.min(
      maxMs ?? Number.POSITIVE_INFINITY,
      kind === 'projection' ? limits.projectionFreshness : GROUP_TOLERANCE_MS,
    );
  const groups = openGroups(region.kafka);
  const projection = await openProjection(deps, region);
  try {
    const facts = await watchLag({
      groups,
      projections: projection === undefined ? [] : [projection.source],
      only: named,
      intervalMs,
      patienceMs,
      toleranceMs,
      timeoutMs: limits.requestTimeout,
      nowMs: () => deps.clock.nowMs(),
      signal: deps.signal,
      onWaiting: (names) =>
        deps.progress({ phase: 'lag', state: 'running', text: `${config.name}: ${waiting(names)}` }),
    });
    const consumers = facts.consumers
      .map((one) => judgeConsumer(one, { toleranceMs: toleranceMs(one), stalledAfterMs: patienceMs }))
      .toSorted(worstLagFirst);
    const freshness = project.config.origin(['limits', 'projectionFreshness']);
    return { region: config.name, facts, consumers, freshness };
  } finally {
    await Promise.all([groups.close(), projection?.close()]);
  }
}

function waiting(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `watching what stands still: ${names.slice(0, 3).join(', ')}${more}`;
}

/** The projection of the reference service, where uplift.yaml names both the service and its database. */
async function openProjection(
  deps: Deps,
  region: Region,
): Promise<{ readonly source: ProjectionSource; readonly close: () => Promise<void> } | undefined> {
  const targets = region.config.service === undefined ? undefined : await postgresTargets(deps, region);
  if (targets === undefined) return undefined;
  const sql = openSql(targets.writer);
  const timeoutMs = region.project.config.value.limits.requestTimeout;
  const positions: ProjectionSource['positions'] = async () => {
    const rows = await readProjected(sql, TOPICS.events, timeoutMs);
    return rows.map(({ topic, topicId, partition, nextOffset }) => ({
      topic,
      topicId,
      partition,
      offset: nextOffset,
    }));
  };
  return { source: { name: PROJECTION, topic: TOPICS.events, positions }, close: () => sql.close() };
}

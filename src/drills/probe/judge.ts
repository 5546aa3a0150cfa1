import type { ProbeReads, ProbeWrite } from './probe.ts';

/** An acknowledged id that is not where it has to be. */
export interface ProbeLoss {
  readonly id: string;
  readonly missingOn: readonly string[];
}

export interface ProbeJudgement {
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
  /** Of the unknown, those that stand on every server. */
  readonly unknownFound: number;
  readonly lost: readonly ProbeLoss[];
  /** Ids that stand somewhere and were never sent, or were refused for certain. */
  readonly phantom: readonly string[];
  /** Ids that one server has more than once. */
  readonly duplicates: readonly string[];
  readonly servers: readonly string[];
  /** What is broken, as sentences. */
  readonly broken: readonly string[];
  /** Why it says nothing, as sentences. */
  readonly missing: readonly string[];
}

export interface ProbeInput {
  readonly what: string;
  readonly writes: readonly ProbeWrite[];
  readonly reads: ProbeReads;
}

/** Pure: what a store has made of a probe's writes. Without a read of every server it is no proof of anything. */
export function judgeProbe({ what, writes, reads }: ProbeInput): ProbeJudgement {
  const ends = new Map(writes.map(({ id, outcome }) => [id, outcome]));
  const of = (outcome: ProbeWrite['outcome']): string[] =>
    writes.flatMap((write) => (write.outcome === outcome ? [write.id] : []));
  const found = [...reads.servers].map(([server, ids]) => ({ server, ids, there: new Set(ids) }));
  const missingOn = (id: string): string[] =>
    found.flatMap(({ server, there }) => (there.has(id) ? [] : [server]));
  const lost = of('ok').flatMap((id): ProbeLoss[] => {
    const away = missingOn(id);
    return away.length === 0 ? [] : [{ id, missingOn: away }];
  });
  const everywhere = new Set(found.flatMap(({ ids }) => ids));
  const phantom = [...everywhere].filter((id) => ends.get(id) === undefined || ends.get(id) === 'fail');
  const duplicates = [
    ...new Set(found.flatMap(({ ids, there }) => (ids.length === there.size ? [] : repeated(ids)))),
  ];
  const acknowledged = of('ok').length;
  const unknown = of('info');
  return {
    acknowledged,
    failed: of('fail').length,
    unknown: unknown.length,
    unknownFound: found.length === 0 ? 0 : unknown.filter((id) => missingOn(id).length === 0).length,
    lost,
    phantom,
    duplicates,
    servers: found.map(({ server }) => server),
    broken: [
      ...sentence(lost.length, `acknowledged writes of the probe are lost (${what})`),
      ...sentence(phantom.length, `writes are there that were refused or never sent (${what})`),
      ...sentence(duplicates.length, `writes of the probe are there twice (${what})`),
    ],
    missing: [
      ...reads.troubles,
      ...(acknowledged === 0 ? [`no write of the probe was acknowledged (${what})`] : []),
      ...(found.length === 0 ? [`no server was read (${what})`] : []),
    ],
  };
}

/** Pure: the judge looks at a copy of the reads without one acknowledged id, and has to name exactly that. */
export function provesItself(input: ProbeInput): boolean {
  const planted = input.writes.findLast(
    ({ id, outcome }) =>
      outcome === 'ok' && [...input.reads.servers.values()].every((ids) => ids.includes(id)),
  )?.id;
  const [first] = input.reads.servers.keys();
  if (planted === undefined || first === undefined) return false;
  const servers = new Map(input.reads.servers);
  servers.set(
    first,
    (servers.get(first) ?? []).filter((id) => id !== planted),
  );
  const named = judgeProbe({ ...input, reads: { ...input.reads, servers } }).lost.map(({ id }) => id);
  const before = judgeProbe(input).lost.map(({ id }) => id);
  return named.includes(planted) && named.length === before.length + 1;
}

function repeated(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return ids.filter((id) => seen.size === seen.add(id).size);
}

function sentence(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

import { judge } from './checker.ts';
import { firstDecision } from './checker-decision.ts';
import type { CommandsRead, DecisionSeen, FinalReads, PostgresRead } from './final-reads.ts';
import type { Hop, JudgeInput, Judgement } from './verdicts.ts';

/** What kind of operation is taken away: one that makes a reservation, or one about a reservation that exists. */
export type Planted = 'create' | 'followUp';

/** One planted loss and whether the checker named it. */
export interface Probe {
  readonly hop: Hop;
  readonly planted: Planted;
  /** Null: there was no whole acknowledged operation to take away. */
  readonly eventId: string | null;
  readonly named: boolean;
}

export interface Proof {
  /** True when every planted loss was named, and nothing else was lost than without it. */
  readonly proved: boolean;
  readonly probes: readonly Probe[];
}

/**
 * Proves the checker on the very data it judges: takes one acknowledged operation out of a copy of the final reads, at
 * each hop in turn, and requires exactly that one to be named at exactly that hop; once more with a follow-up, where the
 * history has one that is whole. "0 lost" means something only then. Costs one judgement per loss. A test puts a broken
 * checker in.
 */
export function proveChecker(
  input: JudgeInput,
  checker: (input: JudgeInput) => Pick<Judgement, 'lost'> = judge,
): Proof {
  const before = new Set(checker(input).lost.map((lost) => lost.eventId));
  const whole = wholeOperations(input, before);
  const victims = { create: spread(whole.create), followUp: spread(whole.followUp) };
  const kinds: readonly Planted[] = victims.followUp.length === 0 ? ['create'] : ['create', 'followUp'];
  const probes = kinds.flatMap((planted) =>
    plantsFor(input.finalReads).map(({ hop, without }, index): Probe => {
      const victim = victims[planted][index % Math.max(1, victims[planted].length)];
      if (victim === undefined) return { hop, planted, eventId: null, named: false };
      const { eventId } = victim;
      const after = checker({ ...input, finalReads: without(input.finalReads, victim) }).lost;
      const fresh = after.filter((lost) => !before.has(lost.eventId));
      const named = fresh.length === 1 && fresh[0]?.eventId === eventId && fresh[0].hop === hop;
      return { hop, planted, eventId, named };
    }),
  );
  return { proved: probes.every((probe) => probe.named), probes };
}

interface Victim {
  readonly eventId: string;
  /** The reservation it made or was about. */
  readonly reservationId: string | null;
  /** Whether it changed that reservation; else only its operation is there to take away. */
  readonly accepted: boolean;
}

interface Plant {
  readonly hop: Hop;
  readonly without: (reads: FinalReads, victim: Victim) => FinalReads;
}

function plantsFor(reads: FinalReads): Plant[] {
  return [
    { hop: 'gateway → commands log', without: withoutCommand },
    { hop: 'commands log → events log', without: withoutDecision },
    {
      hop: 'events log → writer',
      without: (from, victim) => withoutRows(from, from.servers.writer, victim),
    },
    ...reads.servers.replicas.map(
      (name): Plant => ({
        hop: `writer → replica ${name}`,
        without: (from, victim) => withoutRows(from, name, victim),
      }),
    ),
    { hop: 'writer → API', without: withoutAnswer },
  ];
}

/**
 * Acknowledged operations that stand in every source, so that one missing place can only be the planted one; and each
 * the last change of its reservation, so that its rows can be taken away without taking another's. Last in the log: while a
 * store is away, one that was decided first may well be acknowledged after the next.
 */
function wholeOperations(input: JudgeInput, lost: ReadonlySet<string>): Record<Planted, Victim[]> {
  const { commands, events, postgres, api } = input.finalReads;
  const whole: Record<Planted, Victim[]> = { create: [], followUp: [] };
  const seen = new Set<string>();
  const acknowledged = input.ops.filter((op) => op.outcome === 'ok');
  const lastChanges = lastChangesOf(acknowledged, events?.decisions ?? new Map());
  for (const op of acknowledged) {
    const { eventId } = op;
    const stands =
      !lost.has(eventId) &&
      commands?.positions.has(eventId) === true &&
      events?.decisions.has(eventId) === true &&
      [...postgres.values()].every(
        (server) => server.operations.has(eventId) && !server.parked.has(eventId),
      ) &&
      api?.answers.get(eventId)?.kind === 'operation';
    if (!stands || seen.has(eventId)) continue;
    seen.add(eventId);
    const decision = firstDecision(events?.decisions.get(eventId) ?? []);
    const reservationId = op.reservation ?? decision?.reservationId ?? null;
    const accepted = decision?.decision === 'accepted';
    if (!accepted || reservationId === null || lastChanges.get(reservationId) === eventId)
      whole[op.reservation === null ? 'create' : 'followUp'].push({ eventId, reservationId, accepted });
  }
  return whole;
}

/** The event that made the newest version of each reservation, among these operations. */
function lastChangesOf(
  ops: JudgeInput['ops'],
  decisions: ReadonlyMap<string, readonly DecisionSeen[]>,
): ReadonlyMap<string, string> {
  const last = new Map<string, { readonly eventId: string; readonly version: number }>();
  for (const { eventId } of ops) {
    const decision = firstDecision(decisions.get(eventId) ?? []);
    if (decision?.decision !== 'accepted' || decision.reservation === null) continue;
    const { id, version } = decision.reservation;
    if (version >= (last.get(id)?.version ?? 0)) last.set(id, { eventId, version });
  }
  return new Map([...last].map(([id, { eventId }]) => [id, eventId]));
}

/** Spread over the run, not the first few of it. */
function spread<V>(values: readonly V[]): V[] {
  const step = Math.max(1, Math.floor(values.length / 16));
  return values.filter((_, index) => index % step === 0);
}

function withoutKey<V>(map: ReadonlyMap<string, V>, key: string): Map<string, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function withoutCommand(reads: FinalReads, { eventId }: Victim): FinalReads {
  if (reads.commands === null) return reads;
  const commands: CommandsRead = {
    ...reads.commands,
    positions: withoutKey(reads.commands.positions, eventId),
  };
  return { ...reads, commands };
}

function withoutDecision(reads: FinalReads, { eventId }: Victim): FinalReads {
  if (reads.events === null) return reads;
  const effects = reads.events.effects.filter((effect) => effect.eventId !== eventId);
  const decisions = withoutKey(reads.events.decisions, eventId);
  return { ...reads, events: { ...reads.events, decisions, effects } };
}

/** A server that never applied it: no operation, and no reservation or the one from before. */
function withoutRows(reads: FinalReads, name: string, victim: Victim): FinalReads {
  const server = reads.postgres.get(name);
  if (server === undefined) return reads;
  const copy: PostgresRead = {
    ...server,
    reservations: withoutKey(server.reservations, victim.eventId),
    byId: rowsBefore(server, victim),
    operations: withoutKey(server.operations, victim.eventId),
  };
  return { ...reads, postgres: new Map(reads.postgres).set(name, copy) };
}

function rowsBefore(
  server: PostgresRead,
  { eventId, reservationId, accepted }: Victim,
): PostgresRead['byId'] {
  if (reservationId === null || !accepted) return server.byId;
  if (server.reservations.has(eventId)) return withoutKey(server.byId, reservationId);
  const rows = server.byId.get(reservationId) ?? [];
  const before = rows.map((row) => ({ ...row, version: row.version - 1 }));
  return new Map(server.byId).set(reservationId, before);
}

function withoutAnswer(reads: FinalReads, { eventId }: Victim): FinalReads {
  if (reads.api === null) return reads;
  return {
    ...reads,
    api: { ...reads.api, answers: new Map(reads.api.answers).set(eventId, { kind: 'notFound' }) },
  };
}

import { judge } from './checker.ts';
import type { CommandsRead, FinalReads, PostgresRead } from './final-reads.ts';
import type { Hop, JudgeInput, Judgement } from './verdicts.ts';

/** One planted loss and whether the checker named it. */
export interface Probe {
  readonly hop: Hop;
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
 * each hop in turn, and requires exactly that one to be named at exactly that hop. "0 lost" means something only then.
 * Costs one judgement per hop. A test puts a broken checker in.
 */
export function proveChecker(
  input: JudgeInput,
  checker: (input: JudgeInput) => Pick<Judgement, 'lost'> = judge,
): Proof {
  const before = new Set(checker(input).lost.map((lost) => lost.eventId));
  const victims = wholeOperations(input, before);
  const probes = plantsFor(input.finalReads).map(({ hop, without }, index): Probe => {
    const eventId = victims[index % Math.max(1, victims.length)] ?? null;
    if (eventId === null) return { hop, eventId, named: false };
    const after = checker({ ...input, finalReads: without(input.finalReads, eventId) }).lost;
    const fresh = after.filter((lost) => !before.has(lost.eventId));
    return {
      hop,
      eventId,
      named: fresh.length === 1 && fresh[0]?.eventId === eventId && fresh[0].hop === hop,
    };
  });
  return { proved: probes.every((probe) => probe.named), probes };
}

interface Plant {
  readonly hop: Hop;
  readonly without: (reads: FinalReads, eventId: string) => FinalReads;
}

function plantsFor(reads: FinalReads): Plant[] {
  return [
    { hop: 'gateway → commands log', without: withoutCommand },
    { hop: 'commands log → events log', without: withoutDecision },
    {
      hop: 'events log → writer',
      without: (from, eventId) => withoutRows(from, from.servers.writer, eventId),
    },
    ...reads.servers.replicas.map(
      (name): Plant => ({
        hop: `writer → replica ${name}`,
        without: (from, eventId) => withoutRows(from, name, eventId),
      }),
    ),
    { hop: 'writer → API', without: withoutAnswer },
  ];
}

/** Acknowledged operations that stand in every source, so that one missing place can only be the planted one. */
function wholeOperations(input: JudgeInput, lost: ReadonlySet<string>): string[] {
  const { commands, events, postgres, api } = input.finalReads;
  const acknowledged = new Set(input.ops.filter((op) => op.outcome === 'ok').map((op) => op.eventId));
  const whole = [...acknowledged].filter(
    (eventId) =>
      !lost.has(eventId) &&
      commands?.positions.has(eventId) === true &&
      events?.decisions.has(eventId) === true &&
      [...postgres.values()].every(
        (server) => server.operations.has(eventId) && !server.parked.has(eventId),
      ) &&
      api?.answers.get(eventId)?.kind === 'operation',
  );
  // Spread over the run, not the first few of it.
  const step = Math.max(1, Math.floor(whole.length / 16));
  return whole.filter((_, index) => index % step === 0);
}

function withoutKey<V>(map: ReadonlyMap<string, V>, key: string): Map<string, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function withoutCommand(reads: FinalReads, eventId: string): FinalReads {
  if (reads.commands === null) return reads;
  const commands: CommandsRead = {
    ...reads.commands,
    positions: withoutKey(reads.commands.positions, eventId),
  };
  return { ...reads, commands };
}

function withoutDecision(reads: FinalReads, eventId: string): FinalReads {
  if (reads.events === null) return reads;
  return { ...reads, events: { ...reads.events, decisions: withoutKey(reads.events.decisions, eventId) } };
}

function withoutRows(reads: FinalReads, name: string, eventId: string): FinalReads {
  const server = reads.postgres.get(name);
  if (server === undefined) return reads;
  const copy: PostgresRead = {
    ...server,
    reservations: withoutKey(server.reservations, eventId),
    operations: withoutKey(server.operations, eventId),
  };
  return { ...reads, postgres: new Map(reads.postgres).set(name, copy) };
}

function withoutAnswer(reads: FinalReads, eventId: string): FinalReads {
  if (reads.api === null) return reads;
  return {
    ...reads,
    api: { ...reads.api, answers: new Map(reads.api.answers).set(eventId, { kind: 'notFound' }) },
  };
}

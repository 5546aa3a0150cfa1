import { replayHeaders } from '../../contract/dead-letter.ts';
import type { Command } from '../../contract/records.ts';
import { foldCommands, foldEvents, foldPostgres } from '../final-folds.ts';
import type { FinalReads, PostgresRead } from '../final-reads.ts';
import type { JudgeInput } from '../verdicts.ts';
import { REPLICAS, type ServerState, TOPIC_ID, type World, WRITER } from './world.ts';

const REPLAYED = replayHeaders([], {
  id: 'replay-1',
  origin: { topic: 'events', topicId: 'topic-2', partition: 0, offset: 0n, timestampMs: 0 },
  attempt: 1,
});

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), 'utf8');

/** The world through the folds, as a drill reads it. */
export function inputOf(world: World): JudgeInput {
  return {
    tenant: world.tenant,
    ops: world.ops,
    reads: world.reads,
    historyComplete: world.historyComplete,
    capacityOf: () => world.capacity,
    finalReads: finalReadsOf(world),
  };
}

function finalReadsOf(world: World): FinalReads {
  const commands = foldCommands({
    tenant: world.tenant,
    claimed: new Set(
      world.commands.flatMap((log, partition) => log.map((_, offset) => `${partition}/${offset}`)),
    ),
  });
  const bounds = new Map<number, { startOffset: bigint; endOffset: bigint }>();
  for (const [partition, log] of world.commands.entries()) {
    const start = world.commandsStart[partition] ?? 0;
    bounds.set(partition, { startOffset: BigInt(start), endOffset: BigInt(log.length) });
    for (const [offset, record] of log.entries()) {
      if (record === null || offset < start) continue;
      const value: Partial<Command> = { eventId: record.eventId };
      commands.add(partition, {
        offset: BigInt(offset),
        key: Buffer.from(`${record.tenant}/r`),
        value: json(value),
      });
    }
  }
  const events = foldEvents({ tenant: world.tenant });
  for (const [partition, log] of world.events.entries()) {
    for (const [offset, decision] of log.entries()) {
      const tenant = decision.reservation?.tenant ?? world.tenant;
      events.add(partition, {
        offset: BigInt(offset),
        key: Buffer.from(`${tenant}/r`),
        value: json(decision),
        headers: world.replays.has(decision) ? REPLAYED : [],
      });
    }
  }
  const postgres = new Map(
    [...world.servers]
      .filter(([name]) => !world.missing.has(name))
      .map(([name, server]) => [name, serverRead(server)] as const),
  );
  return {
    commands: world.missing.has('commands') ? null : commands.result(TOPIC_ID, bounds),
    events: world.missing.has('events') ? null : events.result(),
    servers: { writer: WRITER, replicas: REPLICAS },
    postgres,
    api: world.missing.has('api') ? null : { sampled: false, answers: new Map(world.api) },
  };
}

function serverRead(server: ServerState): PostgresRead {
  const fold = foldPostgres();
  for (const row of server.reservations) fold.reservation(row);
  for (const row of server.operations) fold.operation(row);
  for (const eventId of server.parked) fold.parked(eventId);
  for (const [partition, through] of server.through) {
    fold.offset(partition, BigInt(through), 'before');
    fold.offset(partition, BigInt(through), 'after');
  }
  return fold.result();
}

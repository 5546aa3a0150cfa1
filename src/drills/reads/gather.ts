import type { HttpClient } from '../../clients/http/http.ts';
import type { Read } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { reasonOf } from '../../core/error.ts';
import type { AskPostgres } from '../../facts/ask-postgres.ts';
import { claimedPositions } from '../../load/checker-events.ts';
import type { Op } from '../../load/entries.ts';
import { foldCommands, foldEvents } from '../../load/final-folds.ts';
import type { CommandsRead, EventsRead, FinalReads, PostgresRead } from '../../load/final-reads.ts';
import { readApi } from './api.ts';
import { readDatabase } from './database.ts';
import { readWholeTopic } from './log.ts';

export interface NamedServer {
  readonly name: string;
  readonly ask: AskPostgres;
}

export interface GatherRequest {
  readonly read: Read;
  readonly http: HttpClient;
  readonly gateways: readonly string[];
  readonly writer: NamedServer;
  readonly replicas: readonly NamedServer[];
  readonly tenant: string;
  readonly ops: readonly Op[];
  readonly timeoutMs: number;
  /** Longest one topic may take. */
  readonly deadlineMs: number;
  /** Longest the API may take for all operations together. */
  readonly apiDeadlineMs: number;
}

export interface Gathered {
  readonly finalReads: FinalReads;
  /** What could not be read, as sentences. */
  readonly troubles: readonly string[];
  readonly counts: {
    readonly partitions: number;
    readonly commands: number;
    readonly events: number;
    readonly servers: number;
    readonly api: number;
  };
}

/**
 * Everything the checker needs, read by readers of the drill's own. A source that fails is absent (never empty) and
 * named; one failing source does not stop the others.
 */
export async function gatherFinalReads(request: GatherRequest): Promise<Gathered> {
  const troubles: string[] = [];
  const attempt = async <T>(what: string, look: () => Promise<T>): Promise<T | null> => {
    try {
      return await look();
    } catch (error) {
      troubles.push(`${what} could not be read: ${reasonOf(error)}`);
      return null;
    }
  };
  const eventIds = [...new Set(request.ops.map(({ eventId }) => eventId))];
  const acknowledged = [
    ...new Set(request.ops.filter(({ outcome }) => outcome === 'ok').map(({ eventId }) => eventId)),
  ];
  const commands = await attempt('the commands log', () => readCommands(request, troubles));
  const events = await attempt('the events log', () => readEvents(request, troubles));
  const postgres = new Map<string, PostgresRead>();
  for (const server of [request.writer, ...request.replicas]) {
    const { tenant, timeoutMs } = request;
    const rows = await attempt(`Postgres ${server.name}`, () =>
      readDatabase({ ask: server.ask, tenant, eventIds, topic: TOPICS.events, timeoutMs }),
    );
    if (rows !== null) postgres.set(server.name, rows);
  }
  const answers = await attempt('the API', () =>
    readApi({
      http: request.http,
      gateways: request.gateways,
      tenant: request.tenant,
      eventIds: acknowledged,
      deadlineMs: request.apiDeadlineMs,
    }),
  );
  const finalReads: FinalReads = {
    commands: commands?.read ?? null,
    events: events?.read ?? null,
    servers: { writer: request.writer.name, replicas: request.replicas.map(({ name }) => name) },
    postgres,
    api: answers === null ? null : { sampled: false, answers },
  };
  const counts = {
    partitions: (commands?.partitions ?? 0) + (events?.partitions ?? 0),
    commands: commands?.records ?? 0,
    events: events?.records ?? 0,
    servers: postgres.size,
    api: answers?.size ?? 0,
  };
  return { finalReads, troubles, counts };
}

interface TopicRead<T> {
  readonly read: T;
  readonly records: number;
  readonly partitions: number;
}

async function readCommands(request: GatherRequest, troubles: string[]): Promise<TopicRead<CommandsRead>> {
  const { read, tenant, ops, timeoutMs, deadlineMs } = request;
  const fold = foldCommands({ tenant, claimed: claimedPositions(ops) });
  const log = await readWholeTopic({ read, topic: TOPICS.commands, add: fold.add, timeoutMs, deadlineMs });
  if (log.holes.length > 0) troubles.push(`the commands log has holes: ${log.holes.slice(0, 3).join(', ')}`);
  return { read: fold.result(log.topicId, log.bounds), records: log.records, partitions: log.bounds.size };
}

async function readEvents(request: GatherRequest, troubles: string[]): Promise<TopicRead<EventsRead>> {
  const { read, tenant, timeoutMs, deadlineMs } = request;
  const fold = foldEvents({ tenant });
  const log = await readWholeTopic({ read, topic: TOPICS.events, add: fold.add, timeoutMs, deadlineMs });
  if (log.holes.length > 0) troubles.push(`the events log has holes: ${log.holes.slice(0, 3).join(', ')}`);
  return { read: fold.result(), records: log.records, partitions: log.bounds.size };
}

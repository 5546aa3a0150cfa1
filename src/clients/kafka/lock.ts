import { type Assigner, AssignerProtocol, type Consumer, Kafka, type PartitionAssigner } from 'kafkajs';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { connectTimeoutMs, credentialsOf, socketTo } from './kafkajs-config.ts';
import { mendKafkaJsIdleTimer } from './kafkajs-idle.ts';
import type { KafkaTarget } from './target.ts';

/** Held for as long as its owner is in the group and heard by the coordinator. */
export interface Lock {
  /** As far as we know at this moment; false from the first sign that the coordinator may think otherwise. */
  held(): boolean;
  release(): Promise<void>;
}

export type Acquired =
  | { readonly kind: 'held'; readonly lock: Lock }
  /** Somebody else has it; `by` is what they said of themselves. */
  | { readonly kind: 'taken'; readonly by: string };

export interface LockRequest {
  /** A topic of one partition, which exists. */
  readonly topic: string;
  readonly groupId: string;
  /** Shown to whoever finds the lock taken. */
  readonly owner: string;
  readonly timeoutMs: number;
  /** Wall clock, ms since the epoch; decides between those who come at the same time. Absent: this machine's. */
  readonly nowMs?: () => number;
}

/** What a member says of itself to the one that assigns. */
export interface Claimant {
  readonly memberId: string;
  readonly holds: boolean;
  /** Own clock; decides only between those who come at the same time. */
  readonly sinceMs: number;
  readonly owner: string;
}

/** So long a holder that died keeps the lock. */
export const LOCK_SESSION_MS = 10_000;
const HEARTBEAT_MS = 1000;
/** kafkajs beats between two fetches: with its 5 s there would be two beats in a session. */
const FETCH_WAIT_MS = 500;

/**
 * What a member knows of its own hold. Two things, because a rebalance comes before the join in which the member says
 * what it has: `held` is false from the first sign of it, `claims` lasts until somebody else was given the partition.
 * Neither outlives a session in which the coordinator was not heard: by then it may have given us up.
 */
export function holdOf(monoMs: () => number, sessionMs = LOCK_SESSION_MS) {
  let held = false;
  let claims = false;
  let heardMs = Number.NEGATIVE_INFINITY;
  const lapse = (): void => {
    if (monoMs() - heardMs >= sessionMs) held = claims = false;
  };
  return {
    /** The group was joined, and the partition is ours or not. */
    joined(isOurs: boolean): void {
      held = claims = isOurs;
      heardMs = monoMs();
    },
    heard(): void {
      lapse();
      heardMs = monoMs();
    },
    rebalancing(): void {
      held = false;
    },
    ended(): void {
      held = claims = false;
    },
    held(): boolean {
      lapse();
      return held;
    },
    claims(): boolean {
      lapse();
      return claims;
    },
  };
}

type Hold = ReturnType<typeof holdOf>;

/**
 * Pure: who gets the partition. A holder keeps it whoever joins (round robin would hand it on with every newcomer);
 * else the one that came first, and by id where two came at once.
 */
export function winnerOf(claimants: readonly Claimant[]): Claimant | undefined {
  return claimants.toSorted(
    (a, b) =>
      Number(b.holds) - Number(a.holds) || a.sinceMs - b.sinceMs || (a.memberId < b.memberId ? -1 : 1),
  )[0];
}

/**
 * A lock on the whole cluster: owning the only partition of a topic in a consumer group. It needs nothing but Kafka, and it
 * ends with its owner: at the latest a session after the process died. Throws UPL-KAFKA-UNREACHABLE when no coordinator
 * answers in time. It is a guard against two operators, not a fence: check `held` before each effect.
 */
export async function acquireLock(target: KafkaTarget, request: LockRequest): Promise<Acquired> {
  mendKafkaJsIdleTimer();
  const hold = holdOf(() => performance.now());
  const kafka = new Kafka({
    ...credentialsOf(target),
    brokers: [...target.brokers],
    connectionTimeout: connectTimeoutMs(target),
    requestTimeout: target.requestTimeoutMs,
    socketFactory: ({ host, port, onConnect }) => socketTo(target, { host, port }, onConnect),
  });
  const consumer = kafka.consumer({
    groupId: request.groupId,
    sessionTimeout: LOCK_SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    rebalanceTimeout: LOCK_SESSION_MS,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    partitionAssigners: [holderKeeps(request, hold)],
  });
  try {
    return await withDeadline('lock of the cluster', request.timeoutMs, join(consumer, request, hold));
  } catch (error) {
    await leave(consumer);
    throw new UpliftError('UPL-KAFKA-UNREACHABLE', {
      message: `The lock ${request.topic} could not be asked for: ${reasonOf(error)}`,
      cause: error,
    });
  }
}

async function join(consumer: Consumer, { topic }: LockRequest, hold: Hold): Promise<Acquired> {
  const { events } = consumer;
  const joined = Promise.withResolvers<boolean>();
  joined.promise.catch(() => undefined);
  consumer.on(events.GROUP_JOIN, ({ payload }) => {
    const isOurs = (payload.memberAssignment[topic] ?? []).length > 0;
    hold.joined(isOurs);
    joined.resolve(isOurs);
  });
  consumer.on(events.HEARTBEAT, () => hold.heard());
  consumer.on(events.REBALANCING, () => hold.rebalancing());
  // A group whose coordinator is just loading is joined again by kafkajs itself.
  consumer.on(events.CRASH, ({ payload }) => {
    if (!payload.restart) joined.reject(payload.error);
  });
  for (const event of [events.CRASH, events.DISCONNECT, events.STOP] as const)
    consumer.on(event, () => hold.ended());
  await consumer.connect();
  await consumer.subscribe({ topics: [topic] });
  await consumer.run({ eachMessage: async () => undefined });
  if (await joined.promise) {
    const release = (): Promise<void> => {
      hold.ended();
      return leave(consumer);
    };
    return { kind: 'held', lock: { held: () => hold.held(), release } };
  }
  const by = ownerAmong((await consumer.describeGroup()).members);
  await leave(consumer);
  return { kind: 'taken', by };
}

async function leave(consumer: Consumer): Promise<void> {
  await withDeadline('leave the lock', LOCK_SESSION_MS / 2, consumer.disconnect()).catch(() => undefined);
}

/** An assigner by which the holder keeps the partition; each member tells since when it wants it. */
function holderKeeps({ topic, owner, nowMs = Date.now }: LockRequest, hold: Hold): PartitionAssigner {
  const sinceMs = nowMs();
  const name = 'uplift-holder-keeps';
  return (): Assigner => ({
    name,
    version: 1,
    async assign({ members }) {
      const winner = winnerOf(members.map(claimantOf));
      return members.map(({ memberId }) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: { [topic]: memberId === winner?.memberId ? [0] : [] },
          userData: Buffer.alloc(0),
        }),
      }));
    },
    protocol: ({ topics }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: 1,
        topics,
        userData: Buffer.from(JSON.stringify({ holds: hold.claims(), sinceMs, owner }), 'utf8'),
      }),
    }),
  });
}

interface Member {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

/** What a member wrote of itself; one that wrote something else comes last. */
function claimantOf({ memberId, memberMetadata }: Member): Claimant {
  try {
    const { userData } = AssignerProtocol.MemberMetadata.decode(memberMetadata) ?? {};
    const said = JSON.parse(userData?.toString('utf8') ?? '') as Partial<Claimant>;
    return {
      memberId,
      holds: said.holds === true,
      sinceMs: typeof said.sinceMs === 'number' ? said.sinceMs : Number.MAX_SAFE_INTEGER,
      owner: typeof said.owner === 'string' ? said.owner : memberId,
    };
  } catch {
    return { memberId, holds: false, sinceMs: Number.MAX_SAFE_INTEGER, owner: memberId };
  }
}

function ownerAmong(members: readonly Member[]): string {
  return winnerOf(members.map(claimantOf))?.owner ?? 'somebody';
}

import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, findCoordinatorV4, offsetCommitV8, offsetFetchV8 } from '@platformatic/kafka';
import { isUpliftError } from '../../core/error.ts';
import { errorName, requestFailed, wholeAnswer } from './answers.ts';
import type { GroupListing, PartitionOffset, Told } from './group-ports.ts';
import { type Directory, PATIENT_ROUNDS, PAUSE_MS, ROUNDS } from './leaders.ts';

const GROUP = 0;
const GROUPS_PER_REQUEST = 100;
/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: ask again, or somebody else. */
const MOVING = new Set([14, 15, 16]);
/** An open transaction is no reason to wait: what is committed now is what is wanted. */
const REQUIRE_STABLE = false;
const NO_MEMBER = { generation: -1, memberId: '', instanceId: null } as const;

type Wanted = Pick<GroupListing, 'groupId' | 'coordinator'>;

/** Today's coordinator of each of these groups, in one request to any broker; groups without one are left out. */
async function findCoordinators(
  directory: Directory,
  groupIds: readonly string[],
  timeoutMs: number,
): Promise<Map<string, number>> {
  const answer = await directory.brokers.any('find coordinators', { timeoutMs }, (to) =>
    wholeAnswer(findCoordinatorV4.api.async(to, GROUP, [...groupIds])),
  );
  return new Map(
    answer.coordinators.flatMap(({ key, nodeId, errorCode }) => (errorCode === 0 ? [[key, nodeId]] : [])),
  );
}

/** See `Groups.committed`. A group that moves is looked up anew, a bounded number of times within `timeoutMs`. */
export async function committed(
  directory: Directory,
  groups: readonly Wanted[],
  timeoutMs: number,
): Promise<Told<readonly PartitionOffset[]>[]> {
  const endsAtMs = performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
  await directory.state(leftMs());
  const answers = new Map<string, Told<readonly PartitionOffset[]>>();
  let open = groups;
  let moving = false;
  for (let round = 0; round < (moving ? PATIENT_ROUNDS : ROUNDS) && open.length > 0; round += 1) {
    if (round > 0) {
      if (leftMs() <= PAUSE_MS) break;
      await delay(PAUSE_MS);
    }
    open = await withCoordinators(directory, open, leftMs());
    const asked = [...Map.groupBy(open, ({ coordinator }) => coordinator)].flatMap(([coordinator, list]) =>
      partsOf(list).map((part) => fetchPart(directory, coordinator, part, leftMs())),
    );
    const got = new Map((await Promise.all(asked)).flat());
    // Why the coordinator we knew said nothing is the better reason.
    for (const [groupId, { answer }] of got)
      if (answer !== HOMELESS || !answers.has(groupId)) answers.set(groupId, answer);
    moving = [...got.values()].some((one) => one.moving);
    open = open.flatMap(({ groupId }) =>
      got.get(groupId)?.final === true ? [] : [{ groupId, coordinator: null }],
    );
  }
  return groups.map(({ groupId }) => answers.get(groupId) ?? NO_ANSWER);
}

const HOMELESS = { told: false, reason: 'it has no coordinator' } as const;
const NO_ANSWER = { told: false, reason: 'its coordinator left it out of the answer' } as const;

interface Fetched {
  readonly answer: Told<readonly PartitionOffset[]>;
  /** Asking again would not change it. */
  readonly final: boolean;
  /** Its coordinator did answer: not yet, or not any more. */
  readonly moving: boolean;
}

function partsOf(groups: readonly Wanted[]): Wanted[][] {
  const count = Math.ceil(groups.length / GROUPS_PER_REQUEST);
  return Array.from({ length: count }, (_, at) =>
    groups.slice(at * GROUPS_PER_REQUEST, (at + 1) * GROUPS_PER_REQUEST),
  );
}

async function fetchPart(
  directory: Directory,
  coordinator: number | null,
  part: readonly Wanted[],
  leftMs: number,
): Promise<[groupId: string, Fetched][]> {
  const told: Told<Map<string, Fetched>> =
    coordinator === null
      ? HOMELESS
      : await directory.ask(coordinator, leftMs, (to) => fetchOffsets(to, part));
  return part.map(({ groupId }) => {
    if (!told.told) return [groupId, { answer: told, final: false, moving: false }];
    return [groupId, told.value.get(groupId) ?? { answer: NO_ANSWER, final: false, moving: false }];
  });
}

async function withCoordinators(
  directory: Directory,
  groups: readonly Wanted[],
  timeoutMs: number,
): Promise<readonly Wanted[]> {
  const homeless = groups.flatMap(({ groupId, coordinator }) => (coordinator === null ? [groupId] : []));
  if (homeless.length === 0) return groups;
  const found = await findCoordinators(directory, homeless, timeoutMs / 2).catch((error: unknown) => {
    if (isUpliftError(error, 'UPL-KAFKA-AUTH')) throw error;
    return new Map<string, number>();
  });
  if (found.size > 0) await directory.refresh(timeoutMs / 2);
  return groups.map(({ groupId, coordinator }) => ({
    groupId,
    coordinator: coordinator ?? found.get(groupId) ?? null,
  }));
}

/** OffsetFetch v8 (KIP-709, Kafka 3.0 and later): all partitions of many groups of one coordinator. */
async function fetchOffsets(to: Connection, groups: readonly Wanted[]): Promise<Map<string, Fetched>> {
  const asked = groups.map(({ groupId }) => ({ groupId, memberEpoch: -1, topics: null }));
  const answer = await wholeAnswer(offsetFetchV8.api.async(to, asked, REQUIRE_STABLE));
  return new Map(
    answer.groups.map(({ groupId, topics, errorCode }): [string, Fetched] => {
      if (errorCode !== 0) {
        const moving = MOVING.has(errorCode);
        const answer = { told: false, reason: errorName(errorCode) } as const;
        return [groupId, { answer, final: !moving, moving }];
      }
      const value = topics.flatMap(({ name, partitions }) =>
        partitions
          .filter((one) => one.errorCode === 0 && one.committedOffset >= 0n)
          .map((one) => ({ topic: name, partition: one.partitionIndex, offset: one.committedOffset })),
      );
      return [groupId, { answer: { told: true, value }, final: true, moving: false }];
    }),
  );
}

/** See `Groups.commit`. Remembers the coordinator of a group until it says that it is not. */
export class Committer {
  readonly #directory: Directory;
  readonly #coordinators = new Map<string, number>();

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  async commit(groupId: string, offsets: readonly PartitionOffset[], timeoutMs: number): Promise<void> {
    if (offsets.length === 0) return;
    const endsAtMs = performance.now() + timeoutMs;
    const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
    let reason = 'it has no coordinator';
    // While a coordinator moves, its loads take seconds: only the deadline ends this.
    for (let round = 0; round === 0 || leftMs() > PAUSE_MS; round += 1) {
      if (round > 0) await delay(PAUSE_MS);
      const coordinator = await this.#coordinatorOf(groupId, leftMs());
      if (coordinator === undefined) continue;
      const told = await this.#directory.ask(coordinator, leftMs(), (to) => commitOnce(to, groupId, offsets));
      if (told.told && told.value.length === 0) return;
      reason = told.told ? told.value.map(errorName).join(', ') : told.reason;
      if (told.told && !told.value.every((code) => MOVING.has(code))) break;
      this.#coordinators.delete(groupId);
    }
    throw requestFailed(`commit offsets of group ${groupId}`, new Error(reason));
  }

  async #coordinatorOf(groupId: string, leftMs: number): Promise<number | undefined> {
    const known = this.#coordinators.get(groupId);
    if (known !== undefined) return known;
    const found = (await findCoordinators(this.#directory, [groupId], leftMs / 2)).get(groupId);
    if (found === undefined) return undefined;
    this.#coordinators.set(groupId, found);
    await this.#directory.refresh(leftMs / 2);
    return found;
  }
}

/** OffsetCommit v8; answers the error codes of partitions that were refused, each once. */
async function commitOnce(
  to: Connection,
  groupId: string,
  offsets: readonly PartitionOffset[],
): Promise<number[]> {
  const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: -1,
      committedMetadata: null,
    })),
  }));
  const { generation, memberId, instanceId } = NO_MEMBER;
  const answer = await wholeAnswer(
    offsetCommitV8.api.async(to, groupId, generation, memberId, instanceId, topics),
  );
  const codes = answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
  return [...new Set(codes)].filter((code) => code !== 0);
}

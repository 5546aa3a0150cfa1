import { openProduce, openRead } from '../../src/clients/kafka/index.ts';
import type { OutRecord } from '../../src/clients/kafka/ports.ts';
import type { KafkaTarget } from '../../src/clients/kafka/target.ts';
import { eventIdOf, partitionOf, reservationIdOf, resourceKey } from '../../src/contract/ids.ts';
import { TOPICS } from '../../src/contract/records.ts';
import { commandHeaders, encodeCommand } from '../../src/service/domain/codec.ts';

export const BACKLOG_TENANT = 'backlog';
const RESOURCES = 960;
const FIRST_SLOT_MS = Date.UTC(2050, 0, 1);
const HOUR_MS = 3_600_000;
const WINDOW_MS = 120_000;
const PER_SEND = 500;
const DEADLINE_MS = 60_000;

const resourceOf = (n: number): string => `hall-${n % RESOURCES}`;

/** A create that is accepted: each resource's slots are used once. */
function record(n: number): OutRecord {
  const key = resourceKey(BACKLOG_TENANT, resourceOf(n));
  const eventId = eventIdOf(BACKLOG_TENANT, `key-${n}`);
  const startMs = FIRST_SLOT_MS + Math.floor(n / RESOURCES) * HOUR_MS;
  const issuedAtMs = Date.now();
  return {
    key: Buffer.from(key),
    value: encodeCommand({
      v: 1,
      type: 'create',
      eventId,
      tenant: BACKLOG_TENANT,
      issuedAtMs,
      notAfterMs: issuedAtMs + WINDOW_MS,
      resource: resourceOf(n),
      reservationId: reservationIdOf(BigInt(n) << 22n, key),
      slot: { start: new Date(startMs).toISOString(), end: new Date(startMs + HOUR_MS).toISOString() },
      quantity: 1,
      holdMs: null,
    }),
    headers: commandHeaders(eventId, Buffer.from(`00-${eventId}-${eventId.slice(0, 16)}-00`)),
  };
}

/** Appends commands number `from` to `to` to their partitions, as gateways would have. */
export async function appendCommands(
  kafka: KafkaTarget,
  range: { readonly from: number; readonly to: number; readonly partitions: number },
): Promise<void> {
  const lanes = new Map<number, OutRecord[]>();
  for (let n = range.from; n < range.to; n += 1) {
    const partition = partitionOf(resourceKey(BACKLOG_TENANT, resourceOf(n)), range.partitions);
    const lane = lanes.get(partition) ?? [];
    lanes.set(partition, lane);
    lane.push(record(n));
  }
  const produce = await openProduce(kafka);
  try {
    const fill = async ([partition, records]: [number, OutRecord[]]): Promise<void> => {
      for (let at = 0; at < records.length; at += PER_SEND)
        await produce.send(
          { topic: TOPICS.commands, partition, records: records.slice(at, at + PER_SEND) },
          { deadlineMs: DEADLINE_MS },
        );
    };
    await Promise.all([...lanes].map(fill));
  } finally {
    await produce.close();
  }
}

/** Opens what counts the events of all partitions: decisions are events, but for ticks that end nothing. */
export function openEventCount(kafka: KafkaTarget) {
  const read = openRead(kafka);
  return {
    count: async (): Promise<number> => {
      const bounds = await read.bounds([TOPICS.events], { timeoutMs: 5000 });
      return bounds.reduce((sum, { endOffset }) => sum + Number(endOffset), 0);
    },
    close: () => read.close(),
  };
}

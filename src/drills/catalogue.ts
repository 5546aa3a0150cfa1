import { suggest } from '../config/suggest.ts';
import { UpliftError } from '../core/error.ts';
import type { Drill } from './engine/drill.ts';
import { brokerHang, brokerLoss } from './kafka/broker-drill.ts';
import { producerSafety } from './kafka/producer-drill.ts';
import { DRILL_NAMES, type DrillId } from './names.ts';
import { primaryLoss, switchover } from './postgres/drill.ts';
import { shardFailover, shardLoss } from './redis/shard-drill.ts';
import { projectorLoss } from './service/projector-drill.ts';

const DRILLS: Readonly<Record<DrillId, Drill>> = {
  'kafka-broker-loss': brokerLoss,
  'kafka-broker-hang': brokerHang,
  'kafka-producer-safety': producerSafety,
  'redis-shard-loss': shardLoss,
  'redis-shard-failover': shardFailover,
  'postgres-switchover': switchover,
  'postgres-primary-loss': primaryLoss,
  'projector-loss': projectorLoss,
};

/** The drill of an id. Throws UPL-USAGE (64) with what was meant. */
export function drillOf(id: string): Drill {
  const found = DRILL_NAMES.find((name) => name.id === id);
  if (found !== undefined) return DRILLS[found.id];
  const near = suggest(
    id,
    DRILL_NAMES.map((name) => name.id),
  );
  throw new UpliftError('UPL-USAGE', {
    message: `There is no drill "${id}"${near === undefined ? '.' : `; did you mean ${near}?`}`,
    next: 'uplift drill ls',
  });
}

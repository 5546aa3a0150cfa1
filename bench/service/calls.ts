import { openProduce, PartitionBatcher } from '../../src/clients/kafka/index.ts';
import { openSql } from '../../src/clients/postgres/index.ts';
import { openClaims } from '../../src/clients/redis/index.ts';
import { partitionOf } from '../../src/contract/ids.ts';
import { commandHeaders } from '../../src/service/domain/codec.ts';
import { kafkaTarget, parseEnv, redisTarget, replicaTargets } from '../../src/service/env.ts';
import { reservationStatement } from '../../src/service/gateway/reads.ts';

/** Not the commands topic: nobody decides what stands here. */
export const CALLS_TOPIC = 'bench.calls';
const TTL_MS = 86_400_000;
const DEADLINE_MS = 30_000;
const TRACE = Buffer.from('00-0123456789abcdef0123456789abcdef-0123456789abcdef-00');

/** The calls that a gateway makes for a request, with a claim, a record and a row of the same size, and nothing around them. */
export async function openCalls() {
  const settings = parseEnv(process.env);
  const claims = openClaims(redisTarget(settings));
  const batcher = new PartitionBatcher(await openProduce(kafkaTarget(settings, 'calls')));
  const replicas = replicaTargets(settings).map(openSql);
  let turn = 0;
  return {
    async write(key: string, idempotencyKey: string, body: string): Promise<void> {
      const claim = `bench:${idempotencyKey.padEnd(40, '-')}`;
      await claims.claim(
        claim,
        `{"p":"${'x'.repeat(22)}","r":"${'y'.repeat(22)}","u":1800000000000}`,
        TTL_MS,
      );
      const record = {
        key: Buffer.from(key),
        value: Buffer.from(body.padEnd(330)),
        headers: commandHeaders('0123456789abcdef0123456789abcdef', TRACE),
      };
      await batcher.append(CALLS_TOPIC, partitionOf(key, settings.TOPIC_PARTITIONS), record, DEADLINE_MS);
      void claims
        .put(claim, `{"p":"${'x'.repeat(22)}","t":"${'z'.repeat(90)}"}`, TTL_MS)
        .catch(() => undefined);
    },
    async read(tenant: string, id: string): Promise<void> {
      turn = (turn + 1) % replicas.length;
      const { text, values } = reservationStatement(tenant, id);
      await replicas[turn]?.query(text, values);
    },
  };
}

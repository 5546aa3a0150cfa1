import type { Logger } from 'pino';
import type { Groups } from '../clients/kafka/group-ports.ts';
import type { Cluster, LearningProduce, Read } from '../clients/kafka/ports.ts';
import type { KafkaTarget } from '../clients/kafka/target.ts';
import type { Sql, SqlTarget } from '../clients/postgres/index.ts';
import type { Bits, Claims, Quotas, RedisTarget } from '../clients/redis/index.ts';

/** How roles reach the outside. `src/commands/service` passes the real ones, a test may pass others. */
export interface Adapters {
  openProduce(target: KafkaTarget): Promise<LearningProduce>;
  openRead(target: KafkaTarget): Read;
  openCluster(target: KafkaTarget): Cluster;
  openGroups(target: KafkaTarget): Pick<Groups, 'commit' | 'committed' | 'edges' | 'close'>;
  openSql(target: SqlTarget): Sql;
  openClaims(target: RedisTarget): Claims;
  openQuotas(target: RedisTarget): Quotas;
  openBits(target: RedisTarget): Bits;
}

/** What every role is given besides its settings. `signal` asks it to drain and end. */
export interface RoleContext {
  readonly adapters: Adapters;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Called once the HTTP listener is open, with its port (HTTP_PORT=0 picks one). */
  readonly onListening?: (port: number) => void;
}

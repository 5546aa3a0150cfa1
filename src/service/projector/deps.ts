import type { Sql } from '../../clients/postgres/index.ts';
import type { OwnerDeps } from '../runtime/session.ts';
import type { DeadLetterBox } from './dead-letters.ts';

/** What one life of the projector works with; events of a schema newer than its own are put aside. */
export interface ProjectorDeps extends OwnerDeps {
  readonly sql: Sql;
  readonly letters: DeadLetterBox;
}

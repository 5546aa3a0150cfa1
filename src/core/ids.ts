import { v7 } from 'uuid';

/** Time-ordered id of a run (UUIDv7, RFC 9562): its folder, journal and record carry it. */
export function newRunId(): string {
  return v7();
}

/**
 * What others may read of the service in Postgres: views, so that the tables behind them may change and a service of
 * one's own can supply the same.
 *
 * - `uplift_reservations(reservation_id text, tenant text, resource text, slot_start timestamptz, slot_end timestamptz,
 *   quantity int, status text, event_id text, command_partition int, command_offset bigint, version int,
 *   hold_until timestamptz, changed_offset bigint)`: event id and command offset are of the command that made it,
 *   `changed_offset` of the one that changed it last; `version` counts both kinds
 * - `uplift_operations(event_id text, decision text, reservation_id text, reason text, command_partition int,
 *   command_offset bigint, event_offset bigint, repeats int, tenant text)`: one row per tenant and event id, the first
 *   decision of it
 * - `uplift_offsets(topic text, topic_id text, partition int, next_offset bigint, leader_epoch int, decided_through bigint,
 *   log_time_ms bigint, updated_at timestamptz, commands_topic_id text)`: one row per events partition, `decided_through` =
 *   last command offset, `commands_topic_id` = id of the commands topic that offset is of; null: no event has said it yet
 * - `uplift_dead_letters(topic text, topic_id text, partition int, event_offset bigint, event_id text,
 *   command_offset bigint, error_code text, attempts int, outcome text, replay_id text, applied_offset bigint,
 *   parked_at timestamptz, settled_at timestamptz, tenant text)`: one row per event that was put aside, by its origin; `outcome` is
 *   `parked`, then `applied` (by the replayed record at `applied_offset`) or `superseded`
 * - `uplift_unknown_outcomes(outcome text, entries bigint, most_attempts int, oldest_stored_at timestamptz,
 *   newest_stored_at timestamptz, last_settled_at timestamptz)`: commands whose append ended without an answer, counted by
 *   what became of them: `open`, `decided` (the projection shows the event id) or `deadLettered`. Settled ones are
 *   forgotten after a day; an outcome that has none has no row
 */
export const VIEWS = {
  reservations: 'uplift_reservations',
  operations: 'uplift_operations',
  offsets: 'uplift_offsets',
  deadLetters: 'uplift_dead_letters',
  unknownOutcomes: 'uplift_unknown_outcomes',
} as const;

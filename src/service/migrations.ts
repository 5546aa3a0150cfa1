/** Plain SQL, applied in order inside one transaction, each exactly once. A migration that was released never changes. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'projection',
    sql: `
CREATE TABLE uplift_service.operations (
  event_id text PRIMARY KEY,
  decision text NOT NULL CHECK (decision IN ('accepted', 'rejected', 'repeated', 'expired', 'unparseable')),
  reservation_id text,
  reason text,
  command_partition int NOT NULL,
  command_offset bigint NOT NULL,
  event_offset bigint NOT NULL,
  repeats int NOT NULL DEFAULT 0
);
CREATE TABLE uplift_service.reservations (
  reservation_id text PRIMARY KEY,
  tenant text NOT NULL,
  resource text NOT NULL,
  slot_start timestamptz NOT NULL,
  slot_end timestamptz NOT NULL,
  quantity int NOT NULL CHECK (quantity > 0),
  status text NOT NULL CHECK (status IN ('active', 'cancelled', 'expired')),
  event_id text NOT NULL UNIQUE,
  command_partition int NOT NULL,
  command_offset bigint NOT NULL,
  version int NOT NULL,
  CHECK (slot_start < slot_end)
);
CREATE INDEX reservations_by_resource ON uplift_service.reservations (tenant, resource, slot_start);
CREATE TABLE uplift_service.offsets (
  topic text NOT NULL,
  topic_id text NOT NULL,
  partition int NOT NULL,
  next_offset bigint NOT NULL,
  leader_epoch int NOT NULL DEFAULT -1,
  decided_through bigint NOT NULL DEFAULT -1,
  log_time_ms bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
CREATE VIEW uplift_reservations AS
  SELECT reservation_id, tenant, resource, slot_start, slot_end, quantity, status, event_id, command_partition,
    command_offset, version
  FROM uplift_service.reservations;
CREATE VIEW uplift_operations AS
  SELECT event_id, decision, reservation_id, reason, command_partition, command_offset, event_offset, repeats
  FROM uplift_service.operations;
CREATE VIEW uplift_offsets AS
  SELECT topic, topic_id, partition, next_offset, leader_epoch, decided_through, log_time_ms, updated_at
  FROM uplift_service.offsets;
`,
  },
  {
    version: 2,
    name: 'dead letters',
    sql: `
CREATE TABLE uplift_service.dead_letters (
  topic text NOT NULL,
  topic_id text NOT NULL,
  partition int NOT NULL,
  event_offset bigint NOT NULL,
  event_id text,
  command_offset bigint,
  error_code text NOT NULL,
  attempts int NOT NULL,
  outcome text NOT NULL DEFAULT 'parked' CHECK (outcome IN ('parked', 'applied', 'superseded')),
  replay_id text,
  applied_offset bigint,
  parked_at timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,
  PRIMARY KEY (topic_id, partition, event_offset)
);
CREATE VIEW uplift_dead_letters AS
  SELECT topic, topic_id, partition, event_offset, event_id, command_offset, error_code, attempts, outcome, replay_id,
    applied_offset, parked_at, settled_at
  FROM uplift_service.dead_letters;
`,
  },
  {
    version: 3,
    name: 'unknown outcomes and claims',
    sql: `
CREATE TABLE uplift_service.unknown_outcomes (
  tenant text NOT NULL,
  event_id text NOT NULL,
  entry bigint GENERATED ALWAYS AS IDENTITY,
  topic text NOT NULL,
  topic_id text NOT NULL,
  partition int NOT NULL,
  record_key bytea NOT NULL,
  record_value bytea NOT NULL,
  record_headers text NOT NULL,
  payload_hash text NOT NULL,
  issued_at_ms bigint NOT NULL,
  not_after_ms bigint NOT NULL,
  outcome text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'decided', 'deadLettered')),
  attempts int NOT NULL DEFAULT 0,
  appended_offset bigint,
  stored_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL,
  settled_at timestamptz,
  PRIMARY KEY (tenant, event_id)
);
CREATE INDEX unknown_outcomes_due ON uplift_service.unknown_outcomes (due_at) WHERE outcome = 'open';
CREATE INDEX unknown_outcomes_settled ON uplift_service.unknown_outcomes (settled_at) WHERE outcome <> 'open';
CREATE VIEW uplift_unknown_outcomes AS
  SELECT outcome, count(*) AS entries, max(attempts) AS most_attempts, min(stored_at) AS oldest_stored_at,
    max(stored_at) AS newest_stored_at, max(settled_at) AS last_settled_at
  FROM uplift_service.unknown_outcomes GROUP BY outcome;
CREATE TABLE uplift_service.idempotency_claims (
  tenant text NOT NULL,
  key_hash text NOT NULL,
  value text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, key_hash)
);
CREATE INDEX idempotency_claims_expired ON uplift_service.idempotency_claims (expires_at);
`,
  },
  {
    version: 4,
    name: 'holds and changes; the tenant is first in every key',
    sql: `
ALTER TABLE uplift_service.reservations ADD COLUMN hold_until timestamptz;
ALTER TABLE uplift_service.reservations ADD COLUMN changed_offset bigint;
UPDATE uplift_service.reservations SET changed_offset = command_offset;
ALTER TABLE uplift_service.reservations ALTER COLUMN changed_offset SET NOT NULL;
ALTER TABLE uplift_service.reservations DROP CONSTRAINT reservations_status_check;
ALTER TABLE uplift_service.reservations ADD CONSTRAINT reservations_status_check
  CHECK (status IN ('held', 'active', 'cancelled', 'expired'));
ALTER TABLE uplift_service.reservations ADD CONSTRAINT reservations_hold_check
  CHECK ((status = 'held') = (hold_until IS NOT NULL));
ALTER TABLE uplift_service.reservations DROP CONSTRAINT reservations_pkey;
ALTER TABLE uplift_service.reservations ADD PRIMARY KEY (tenant, reservation_id);
ALTER TABLE uplift_service.reservations DROP CONSTRAINT reservations_event_id_key;
ALTER TABLE uplift_service.reservations ADD CONSTRAINT reservations_event_id_key UNIQUE (tenant, event_id);
ALTER TABLE uplift_service.operations ADD COLUMN tenant text NOT NULL DEFAULT '';
UPDATE uplift_service.operations o SET tenant = r.tenant FROM uplift_service.reservations r
  WHERE r.event_id = o.event_id;
ALTER TABLE uplift_service.operations ALTER COLUMN tenant DROP DEFAULT;
ALTER TABLE uplift_service.operations DROP CONSTRAINT operations_pkey;
ALTER TABLE uplift_service.operations ADD PRIMARY KEY (tenant, event_id);
ALTER TABLE uplift_service.dead_letters ADD COLUMN tenant text;
CREATE OR REPLACE VIEW uplift_dead_letters AS
  SELECT topic, topic_id, partition, event_offset, event_id, command_offset, error_code, attempts, outcome, replay_id,
    applied_offset, parked_at, settled_at, tenant
  FROM uplift_service.dead_letters;
CREATE OR REPLACE VIEW uplift_reservations AS
  SELECT reservation_id, tenant, resource, slot_start, slot_end, quantity, status, event_id, command_partition,
    command_offset, version, hold_until, changed_offset
  FROM uplift_service.reservations;
CREATE OR REPLACE VIEW uplift_operations AS
  SELECT event_id, decision, reservation_id, reason, command_partition, command_offset, event_offset, repeats, tenant
  FROM uplift_service.operations;
`,
  },
  {
    version: 5,
    name: 'worker leases',
    sql: `
CREATE TABLE uplift_service.worker_leases (
  worker int PRIMARY KEY CHECK (worker BETWEEN 512 AND 1023),
  holder text,
  lease_until timestamptz,
  floor_ms bigint NOT NULL DEFAULT 0,
  last_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO uplift_service.worker_leases (worker) SELECT generate_series(512, 1023);
`,
  },
  {
    version: 6,
    name: 'lists by resource go on after a reservation',
    sql: `
CREATE INDEX reservations_of_resource ON uplift_service.reservations (tenant, resource, slot_start, reservation_id);
DROP INDEX uplift_service.reservations_by_resource;
`,
  },
  {
    version: 7,
    name: 'what processes say of themselves; why a command was given up; whose events are parked',
    sql: `
CREATE TABLE uplift_service.process_reports (
  role text NOT NULL CHECK (role IN ('gateway', 'sweeper', 'projector')),
  instance text NOT NULL,
  life text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  heard_at timestamptz NOT NULL DEFAULT now(),
  not_ready text,
  report text NOT NULL,
  PRIMARY KEY (role, instance, life)
) WITH (fillfactor = 50);
ALTER TABLE uplift_service.unknown_outcomes ADD COLUMN given_up_for text;
CREATE INDEX unknown_outcomes_given_up ON uplift_service.unknown_outcomes (stored_at)
  WHERE outcome = 'deadLettered';
ALTER TABLE uplift_service.dead_letters ADD COLUMN reservation_id text;
CREATE INDEX dead_letters_parked ON uplift_service.dead_letters (parked_at) WHERE outcome = 'parked';
`,
  },
  {
    version: 8,
    name: 'of which commands topic decisions are; letters are found by the operation they are of',
    sql: `
ALTER TABLE uplift_service.offsets ADD COLUMN commands_topic_id text;
CREATE OR REPLACE VIEW uplift_offsets AS
  SELECT topic, topic_id, partition, next_offset, leader_epoch, decided_through, log_time_ms, updated_at,
    commands_topic_id
  FROM uplift_service.offsets;
CREATE INDEX dead_letters_of_operation ON uplift_service.dead_letters (tenant, event_id);
`,
  },
];

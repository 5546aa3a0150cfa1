import { EXIT, type ExitCode } from './exit.ts';

interface ErrorRow {
  readonly exit: ExitCode;
  /** One sentence on when this code is used; `docs/errors.md` has a section for each (a parity test keeps both equal). */
  readonly when: string;
}

/** The public error table. Codes are permanent. */
export const ERRORS = {
  'UPL-USAGE': { exit: EXIT.usage, when: 'A flag or argument is not understood.' },
  'UPL-CONFIG-INVALID': {
    exit: EXIT.badConfig,
    when: 'uplift.yaml breaks the schema or a rule across fields.',
  },
  'UPL-CONFIG-MISSING': { exit: EXIT.badConfig, when: 'No uplift.yaml was found.' },
  'UPL-INPUT-INVALID': {
    exit: EXIT.badInput,
    when: 'A file given as input (plan, record, history) cannot be read or is not valid.',
  },
  'UPL-REGION-AMBIGUOUS': {
    exit: EXIT.usage,
    when: 'A command that changes something needs exactly one region.',
  },
  'UPL-KAFKA-UNREACHABLE': { exit: EXIT.unavailable, when: 'No Kafka broker answered in time.' },
  'UPL-KAFKA-REQUEST': { exit: EXIT.unavailable, when: 'Kafka answered a request with an error.' },
  'UPL-KAFKA-AUTH': {
    exit: EXIT.unavailable,
    when: 'Kafka refused the login or is not trusted, or it speaks otherwise (TLS, login) than uplift.yaml says.',
  },
  'UPL-KAFKA-OUT-OF-RANGE': {
    exit: EXIT.unavailable,
    when: 'A stored position no longer exists in the log; it is never skipped silently.',
  },
  'UPL-KAFKA-PRODUCE': {
    exit: EXIT.unavailable,
    when: 'Records were not acknowledged within their deadline: their outcome is unknown.',
  },
  'UPL-KAFKA-OVERLOADED': {
    exit: EXIT.unavailable,
    when: 'Records were refused before they were sent (queue full, or the deadline passed while they waited): they are certainly not in the log.',
  },
  'UPL-KAFKA-HEADERS': {
    exit: EXIT.badInput,
    when: 'A record carries headers that this client cannot carry unchanged.',
  },
  'UPL-POSTGRES-UNREACHABLE': {
    exit: EXIT.unavailable,
    when: 'Postgres (or PgBouncer) did not answer in time.',
  },
  'UPL-POSTGRES-QUERY': { exit: EXIT.unavailable, when: 'Postgres answered a statement with an error.' },
  'UPL-REDIS-UNREACHABLE': { exit: EXIT.unavailable, when: 'Redis did not answer in time.' },
  'UPL-ID-REFUSED': {
    exit: EXIT.unavailable,
    when: 'No reservation id may be issued now: no worker id is leased, or a clock went back.',
  },
  'UPL-SERVICE-UNREACHABLE': { exit: EXIT.unavailable, when: 'A service endpoint did not answer in time.' },
  'UPL-PLAN-STALE': { exit: EXIT.refused, when: 'The cluster changed since the plan was made.' },
  'UPL-PLAN-REFUSED': { exit: EXIT.refused, when: 'The plan holds changes that cannot be made.' },
  'UPL-CONFIRMATION-NEEDED': {
    exit: EXIT.refused,
    when: 'A change needs --yes; in production, the typed name of the environment and, for a drill, an approver.',
  },
  'UPL-PREFLIGHT-REFUSED': {
    exit: EXIT.refused,
    when: 'A preflight check of a drill failed or had no data; nothing was touched.',
  },
  'UPL-LOCK-TAKEN': { exit: EXIT.refused, when: 'Somebody else changes this cluster right now.' },
  'UPL-LOCK-UNKNOWN': {
    exit: EXIT.refused,
    when: 'The lock of the cluster could not be asked for; nobody can tell who else is at work.',
  },
  'UPL-DRILL-UNWATCHED': {
    exit: EXIT.refused,
    when: 'The watchdog that would put things back did not start; nothing was touched.',
  },
  'UPL-DRILL-UNFINISHED': { exit: EXIT.refused, when: 'An earlier drill has not been restored yet.' },
  'UPL-NOT-RESTORED': { exit: EXIT.notRestored, when: 'Something uplift changed could not be put back.' },
  'UPL-STEP-FAILED': { exit: EXIT.fail, when: 'A step of a plan failed.' },
  'UPL-DEADLINE': { exit: EXIT.deadline, when: 'A condition did not become true before its deadline.' },
  'UPL-CANNOT-WRITE': {
    exit: EXIT.cannotWrite,
    when: 'A journal, history or report could not be written (disk full, no permission).',
  },
  'UPL-JOURNAL-HELD': {
    exit: EXIT.refused,
    when: 'Another process writes this journal, or may: one of another host claims it.',
  },
  'UPL-SANDBOX-MISSING-BINARY': {
    exit: EXIT.unavailable,
    when: 'A server that the sandbox needs is not installed.',
  },
  'UPL-SANDBOX-INSTALL': {
    exit: EXIT.unavailable,
    when: 'What a sandbox needs could not be fetched or installed.',
  },
  'UPL-SANDBOX-PORT-USED': { exit: EXIT.unavailable, when: 'A port that the sandbox needs is taken.' },
  'UPL-SANDBOX-EXISTS': { exit: EXIT.refused, when: 'A sandbox of this name already exists.' },
  'UPL-SANDBOX-NOT-FOUND': { exit: EXIT.unavailable, when: 'There is no sandbox of this name.' },
  'UPL-SANDBOX-START': { exit: EXIT.unavailable, when: 'A server of the sandbox did not become ready.' },
  'UPL-SANDBOX-STOP': {
    exit: EXIT.fail,
    when: 'A unit of the sandbox could not be stopped; its files are kept.',
  },
  'UPL-UNIT-NOT-OURS': {
    exit: EXIT.refused,
    when: 'A process id no longer belongs to the unit it was recorded for; it is not signalled.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

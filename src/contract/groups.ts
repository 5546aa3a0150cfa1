/**
 * Groups to which the service commits its positions about once a second, so that lag tools see it. They are a report,
 * never a place to start from: the truth is in the log (commands) and in Postgres (the view of offsets).
 */
export const GROUPS = {
  /** First command not decided yet, on the commands topic. */
  commands: 'reservations-commands',
  /** First event not applied yet, on the events topic. */
  projector: 'reservations-projector',
} as const;

/** What the projection in Postgres is called beside the groups. */
export const PROJECTION = 'reservations-projection';

import type { Finding, FindingStatus } from '../../core/finding.ts';
import type { Held } from '../actuators/process.ts';

/** One condition of a preflight with its answer. */
export function finding(
  id: string,
  title: string,
  status: FindingStatus,
  summary: string,
  query: string,
  next?: string,
): Finding {
  const base = { id, title, status, summary, evidence: [{ query, value: summary }] };
  return next === undefined ? base : { ...base, next };
}

/** Whether we have hold of the victim, by what its actuator says. */
export function victimAtHand(victim: string, held: Held): Finding {
  return finding(
    'drill.victim',
    `${victim} can be stopped and started by us`,
    held.ok ? 'pass' : 'inconclusive',
    held.text,
    held.query ?? 'unit file and process table',
  );
}

/** Runs that were started here and never restored. */
export function nothingUnfinished([first]: readonly string[]): Finding {
  const title = 'no earlier drill waits to be restored';
  const query = 'journals in the journal folder';
  if (first === undefined) return finding('drill.unfinished', title, 'pass', 'none', query);
  return finding(
    'drill.unfinished',
    title,
    'fail',
    `run ${first} was never restored`,
    query,
    `uplift drill recover ${first}`,
  );
}

import { unfinishedIds } from '../run-folder.ts';
import { nothingUnfinished } from './conditions.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation } from './drill.ts';
import { durationFinding, longestOf } from './duration.ts';
import { notMet } from './refuse.ts';

/**
 * What the drill itself found, and what holds for every drill: its longest case, that no run waits to be restored, and
 * whether drills may run now.
 */
export async function prepareDrill(
  drill: Drill,
  ports: DrillPorts,
  options: DrillOptions,
): Promise<Preparation> {
  const preparation = await drill.prepare(ports, options);
  const longest = preparation.kind === 'ready' ? longestOf(preparation, options, ports.context) : undefined;
  const permitted = await ports.permission.findings(longest?.totalMs ?? 0);
  const findings = [
    ...(longest === undefined ? [] : [durationFinding(longest, options.limits.maxDurationMs)]),
    ...permitted,
    nothingUnfinished(await unfinishedIds(options.journalDir)),
  ].map((each) => ({ ...each, region: options.region }));
  // First what forbids every drill: what to type next is about that.
  const all = [...findings, ...preparation.findings];
  if (preparation.kind === 'refused' || notMet(findings).length > 0)
    return { kind: 'refused', findings: all };
  return { ...preparation, findings: all, ...(longest === undefined ? {} : { longest }) };
}

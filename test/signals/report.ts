import type { Outcome } from './attempt.ts';
import { SIGNALS } from './points.ts';

export interface Report {
  readonly seed: number;
  readonly startedAt: Date;
  readonly tookMs: number;
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly outcomes: readonly Outcome[];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** One line for the terminal, when a point is through. */
export function lineOf({ shellCode, endedInMs, problems, afterwards, attempts }: Outcome): string {
  const mark = problems.length === 0 ? 'ok  ' : 'FAIL';
  const ended = endedInMs === null ? '' : ` after ${seconds(endedInMs)}`;
  const again = attempts === 1 ? '' : ` (attempt ${attempts})`;
  const wrong = problems.map((problem) => `\n         ${problem}`).join('');
  return `${mark}   ${`exit ${shellCode ?? '-'}${ended}`.padEnd(22)} ${afterwards}${again}${wrong}`;
}

/** The last line: how many held. */
export function verdictOf(outcomes: readonly Outcome[]): string {
  const failed = outcomes.filter(({ problems }) => problems.length > 0).length;
  return `${outcomes.length - failed} of ${outcomes.length} points held, ${failed} failed.`;
}

/** The whole run as Markdown: what was struck, how it ended, what was left. */
export function markdown({ seed, startedAt, tookMs, machine, versions, outcomes }: Report): string {
  const facts = Object.entries({ ...machine, ...versions }).map(([name, value]) => `${name} ${value}`);
  const failed = outcomes.filter(({ problems }) => problems.length > 0);
  return [
    '# Interrupted commands',
    '',
    'Written by `npm run test:signals`: each command is interrupted at moments that the seed decides, then processes,',
    'ports, folders, shared memory, topology, journals and histories are looked at from outside. Again, one point alone:',
    `\`npm run test:signals -- --seed ${seed} --only <#>\`. Exit codes are those a shell sees (129 SIGHUP, 130 SIGINT,`,
    '137 SIGKILL, 143 SIGTERM). "2×": the same signal came again, the time after the first.',
    '',
    `**${verdictOf(outcomes)}** Seed ${seed}, ${startedAt.toISOString()}, ${(tookMs / 60_000).toFixed(1)} min.`,
    `${facts.join(' · ')}.`,
    '',
    ...matrix(outcomes),
    '',
    '| # | command | signal | moment | exit | ended in | afterwards |',
    '| ---: | --- | --- | --- | ---: | ---: | --- |',
    ...outcomes.map(row),
    ...(failed.length === 0 ? [] : ['', '## What did not hold', '', ...failed.flatMap(problemLines)]),
    '',
  ].join('\n');
}

function matrix(outcomes: readonly Outcome[]): string[] {
  const commands = [...new Set(outcomes.map(({ point }) => point.command))];
  const cell = (command: string, signal: string): string => {
    const own = outcomes.filter(({ point }) => point.command === command && point.signal === signal);
    const held = own.filter(({ problems }) => problems.length === 0).length;
    return `${held} of ${own.length}`;
  };
  return [
    `| held | ${SIGNALS.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(SIGNALS.length)}`,
    ...commands.map((command) => `| ${command} | ${SIGNALS.map((s) => cell(command, s)).join(' | ')} |`),
  ];
}

function row({ point, shellCode, endedInMs, afterwards, problems, attempts }: Outcome): string {
  const { number, command, signal, moment, againAfterMs } = point;
  const twice = againAfterMs === undefined ? '' : `, 2× (${againAfterMs} ms)`;
  const held = problems.length === 0 ? afterwards : `**FAILED**: ${problems.length} problems, below`;
  const halved = attempts === 1 ? '' : ` (attempt ${attempts}, halved each time)`;
  const cells = [
    number,
    command,
    `${signal}${twice}`,
    `${moment.delayMs} ms after ${moment.after}${halved}`,
    shellCode ?? '–',
    endedInMs === null ? '–' : seconds(endedInMs),
    held,
  ];
  return `| ${cells.join(' | ')} |`;
}

function problemLines({ point, problems }: Outcome): string[] {
  return problems.map((problem) => `- ${point.number}: ${problem.replaceAll('|', '\\|')}`);
}

import { renameSync, writeFileSync } from 'node:fs';

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** The line that matters most, as the drill printed it: acknowledged, lost, duplicates, unknown. */
export const headline = (steps) => lineOf(steps, 'drill run', /^acknowledged\s+\d/i);

/** What became of the dead letters, as the replay printed it. */
export const replayed = (steps) => lineOf(steps, 'dlq replay', /^replayed\s+\d/i);

function lineOf(steps, command, pattern) {
  const step = steps.findLast(({ args }) => args.startsWith(command));
  return step?.output
    .split('\n')
    .map((line) => line.trim())
    .find((line) => pattern.test(line));
}

/** One line for each planned step, with what became of it. */
export function summary(planned, steps) {
  const width = Math.max(...planned.map(({ args }) => args.length)) + 9;
  const row = (command, exit, time) => `  ${command.padEnd(width)}${exit.padStart(6)}${time.padStart(10)}`;
  const rows = planned.map((one) => {
    const { args } = one;
    const done = steps.find((step) => step.planned === one);
    return done === undefined
      ? row(`uplift ${args}`, '-', 'not run')
      : row(`uplift ${args}`, String(done.exit), seconds(done.ms));
  });
  return [row('step', 'exit', 'time'), ...rows, row('', '', seconds(total(steps)))].join('\n');
}

const total = (steps) => steps.reduce((sum, { ms }) => sum + ms, 0);

/** Writes the report as a whole or not at all. */
export function writeReport(file, report) {
  writeFileSync(`${file}.part`, markdown(report));
  renameSync(`${file}.part`, file);
}

/** The report: what was typed, what it said, how long it took, on what machine. */
export function markdown({ startedAt, machine, versions, steps }) {
  const lines = [headline(steps), replayed(steps)].filter((line) => line !== undefined);
  return [
    '# Demo of uplift',
    '',
    `Run at ${startedAt.toISOString()} by \`npm run demo\`. Every line below was printed by the command above it.`,
    ...lines.flatMap((line) => ['', `**${line.replaceAll(/ {2,}/g, ' · ')}**`]),
    '',
    '| step | exit | time |',
    '| --- | ---: | ---: |',
    ...steps.map(({ args, exit, ms }) => `| \`uplift ${args}\` | ${exit} | ${seconds(ms)} |`),
    `| | | ${seconds(total(steps))} |`,
    '',
    '| machine | |',
    '| --- | --- |',
    ...[...Object.entries(machine), ...Object.entries(versions)].map(
      ([name, value]) => `| ${name} | ${value} |`,
    ),
    ...steps.flatMap(section),
    '',
  ].join('\n');
}

function section({ args, why, exit, ms, output }) {
  const fence = '`'.repeat(Math.max(3, ...[...output.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return ['', `## uplift ${args}`, '', `${why} Exit ${exit} after ${seconds(ms)}.`, '', fence, output, fence];
}

import { renameSync, writeFileSync } from 'node:fs';

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** The line that matters most, as the drill printed it: acknowledged, lost, duplicates, unknown. */
export function headline(steps) {
  const drill = steps.find(({ args }) => args.startsWith('drill run'));
  return drill?.output
    .split('\n')
    .map((line) => line.trim())
    .find((line) => /^acknowledged\s+\d/i.test(line));
}

/** One line per step, and the steps that were not reached. */
export function summary(steps, missing) {
  const width = Math.max(...steps.map(({ args }) => args.length), ...missing.map((args) => args.length)) + 9;
  const row = (command, exit, time) => `  ${command.padEnd(width)}${exit.padStart(6)}${time.padStart(10)}`;
  return [
    row('step', 'exit', 'time'),
    ...steps.map(({ args, exit, ms }) => row(`uplift ${args}`, String(exit), seconds(ms))),
    ...missing.map((args) => row(`uplift ${args}`, '–', 'not run')),
    row('', '', seconds(steps.reduce((sum, { ms }) => sum + ms, 0))),
  ].join('\n');
}

/** Writes the report as a whole or not at all. */
export function writeReport(file, report) {
  writeFileSync(`${file}.part`, markdown(report));
  renameSync(`${file}.part`, file);
}

/** The report: what was typed, what it said, how long it took, on what machine. */
export function markdown({ startedAt, machine, versions, steps }) {
  const held = headline(steps);
  return [
    '# Demo of uplift',
    '',
    `Run at ${startedAt.toISOString()} by \`npm run demo\`. Every line below was printed by the command above it.`,
    ...(held === undefined ? [] : ['', `**${held.replaceAll(/ {2,}/g, ' · ')}**`]),
    '',
    '| step | exit | time |',
    '| --- | ---: | ---: |',
    ...steps.map(({ args, exit, ms }) => `| \`uplift ${args}\` | ${exit} | ${seconds(ms)} |`),
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

// `npm run demo` after the set-up, on Node 24: the story of the README, told by ordinary `uplift` commands. Each one is
// printed before it runs. Whatever happens, the platform is ended (unless --keep) and the report is written.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { machine, serverVersions } from './demo/machine.mjs';
import { headline, replayed, summary, writeReport } from './demo/report.mjs';
import { createRunner } from './demo/runner.mjs';
import { root } from './setup/paths.mjs';

const NAME = 'demo';
const STATE = '.uplift';
const MINUTE_MS = 60_000;
const REFUSED = 15;
const DLQ = 'reservations.events.dlq';
const PLAN = `${STATE}/replay.json`;

/** Each step is typed as it stands here; `limitMs` is generous, it only keeps a hanging step from hanging the demo. */
const STORY = [
  {
    args: 'sandbox up',
    why: 'Start a real platform: Kafka, Postgres, PgBouncer, Redis, the service.',
    limitMs: 5 * MINUTE_MS,
  },
  { args: 'topics plan', why: 'What would be created, and on which racks?', limitMs: 2 * MINUTE_MS },
  { args: 'topics apply --yes', why: 'Create it.', limitMs: 2 * MINUTE_MS },
  { args: 'topics verify', why: 'Is it really so?', limitMs: 2 * MINUTE_MS },
  {
    args: 'load run --duration 10s',
    why: 'Live traffic; every acknowledged operation goes to disk.',
    limitMs: 3 * MINUTE_MS,
  },
  { args: 'check', why: 'Is the platform healthy?', limitMs: 2 * MINUTE_MS },
  { args: 'lag --once', why: 'Does everybody keep up? Groups and projections.', limitMs: 2 * MINUTE_MS },
  {
    args: 'drill run kafka-broker-loss --yes',
    why: 'Kill a broker under load and count every acknowledged reservation.',
    limitMs: 15 * MINUTE_MS,
  },
  {
    args: 'sandbox restart commands-1 commands-2 --env EVENT_SCHEMA=2',
    why: 'A rollout in the wrong order: writers of event schema 2 before the reader knows it.',
    limitMs: 2 * MINUTE_MS,
  },
  {
    // Creates alone: the end of a hold would be one more letter, and come when it likes.
    args: 'load run --duration 3s --rate 50 --mix creates',
    why: 'Reservations are acknowledged all the same; the projector cannot read their events.',
    limitMs: 3 * MINUTE_MS,
  },
  { args: 'lag --once', why: 'Nobody is behind: what cannot be read was put aside.', limitMs: 2 * MINUTE_MS },
  { args: 'dlq ls', why: 'The dead letters.', limitMs: 2 * MINUTE_MS },
  { args: `dlq show ${DLQ} --limit 1`, why: 'The oldest of them.', limitMs: 2 * MINUTE_MS },
  {
    args: 'sandbox restart projector-1 --env EVENT_SCHEMA=2',
    why: 'The cause is mended: the projector is upgraded.',
    limitMs: 2 * MINUTE_MS,
  },
  {
    args: `dlq plan ${DLQ} --out ${PLAN}`,
    why: 'What a replay would send, to be reviewed.',
    limitMs: 2 * MINUTE_MS,
  },
  {
    args: `dlq replay ${PLAN} --yes`,
    why: 'Replay it, and prove by the projection that each was applied exactly once.',
    limitMs: 5 * MINUTE_MS,
  },
  { args: 'dlq ls', why: 'Nothing is left to replay.', limitMs: 2 * MINUTE_MS },
];
const DOWN = { args: 'sandbox down', why: 'End it; nothing stays behind.', limitMs: 3 * MINUTE_MS };

const keep = process.argv.includes('--keep');
const unknown = process.argv.slice(2).filter((arg) => arg !== '--keep');

if (unknown.length > 0) {
  process.stderr.write(
    `The demo does not know ${unknown.join(' ')}. It takes --keep: npm run demo -- --keep\n`,
  );
  process.exitCode = 64;
} else if (existsSync(join(root, STATE, 'sandbox', NAME))) {
  process.stderr.write(
    `A sandbox named "${NAME}" is there already, kept by an earlier demo or made by hand. Nothing was touched.\n` +
      '  See it:  npx uplift sandbox status\n  End it:  npx uplift sandbox down\n',
  );
  process.exitCode = REFUSED;
} else {
  process.exitCode = await tell();
}

async function tell() {
  const runner = createRunner({ name: NAME, state: STATE });
  // A plan is never overwritten, and the one of an earlier demo is of a platform that is gone.
  rmSync(join(root, PLAN), { force: true });
  const report = {
    startedAt: new Date(),
    machine: machine(),
    versions: await serverVersions(),
    steps: runner.steps,
  };
  // Rewritten after every step: a demo that is killed has told what it saw.
  const note = () => writeReport(join(root, 'demo-report.md'), report);
  try {
    for (const step of STORY) {
      // Also before the first one: a signal may come while the versions are asked for.
      if (runner.exit() !== 0) break;
      await runner.run(step);
      note();
    }
  } finally {
    // Also when the report cannot be written: a platform that nobody ends would be worse.
    if (!keep) await runner.cleanUp(DOWN);
  }
  note();
  process.stdout.write(`\n${summary(keep ? STORY : [...STORY, DOWN], runner.steps)}\n`);
  const exit = runner.exit();
  process.stdout.write(`\n${closing(runner, exit)}\n`);
  return exit;
}

function closing({ steps, signal }, exit) {
  const lines = [headline(steps), replayed(steps)].filter((line) => line !== undefined);
  const stays =
    'The platform is still there. Look at it:  npx uplift sandbox status   End it:  npx uplift sandbox down';
  const verdict =
    signal() === undefined ? 'The demo did not pass.' : `The demo was interrupted (${signal()}).`;
  return [
    ...lines,
    'Report: demo-report.md',
    ...(keep ? [stays] : []),
    exit === 0 ? 'The demo passed.' : `${verdict}  exit ${exit}`,
  ].join('\n');
}

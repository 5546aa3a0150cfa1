/**
 * Broker loss and broker hang at default and tuned time-outs, on a sandbox of its own.
 * `npm run bench:drills -- [--page FILE] [--rounds N] [--rate N] [--baseline SECONDS]`
 */
import { parseArgs } from 'node:util';
import { waitFor } from '../../src/core/wait.ts';
import type { DrillResult } from '../../src/drills/engine/result.ts';
import type { KafkaTopology } from '../../src/drills/kafka/topology.ts';
import { machineFacts, placePage } from '../../test/support/results-page.ts';
import { ProofSandbox } from '../../test/support/sandbox.ts';
import { editProperties, settled, topologyNow, withProperties } from '../../test/support/sandbox-brokers.ts';
import { documentOf } from '../../test/support/sandbox-cli.ts';
import { type Measured, pageOf } from './page.ts';
import { SETTINGS, type Setting } from './settings.ts';

const { values } = parseArgs({
  options: {
    page: { type: 'string' },
    rounds: { type: 'string', default: '2' },
    rate: { type: 'string', default: '150' },
    baseline: { type: 'string', default: '10' },
  },
});

const DRILLS = ['kafka-broker-loss', 'kafka-broker-hang'];
const SETTLE_MS = 90_000;
const DRILL_MS = 400_000;

const say = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)}  ${line}`);

/** Brokers with a setting, the service begun anew; every partition is in sync and where it was when this returns. */
async function apply(sandbox: ProofSandbox, setting: Setting, before: KafkaTopology): Promise<void> {
  const brokers = await sandbox.units('kafka');
  for (const { id } of brokers) {
    await editProperties(sandbox, id, (text) => withProperties(text, setting.broker));
    await sandbox.json(['sandbox', 'restart', id, '--name', sandbox.name], 0);
    await settled(sandbox, before);
  }
  const roles = (await sandbox.units('service')).map(({ id }) => id);
  await sandbox.json(['sandbox', 'restart', ...roles, '--name', sandbox.name], 0);
  await sandbox.serviceReady();
  for (const drill of DRILLS) {
    const planned = async (): Promise<boolean> => (await sandbox.run(['drill', 'plan', drill])).exit === 0;
    await waitFor(planned, { what: `${drill} can be planned`, timeoutMs: SETTLE_MS, intervalMs: 2000 });
  }
}

async function drill(sandbox: ProofSandbox, id: string): Promise<DrillResult> {
  const load = ['--rate', String(values.rate), '--baseline', String(values.baseline)];
  const ended = await sandbox.run(['drill', 'run', id, '--yes', ...load, '--output', 'json'], DRILL_MS);
  const { result } = documentOf<{ result?: DrillResult }>(ended);
  if (result === undefined) throw new Error(`${id} came to no result (exit ${ended.exit}):\n${ended.stderr}`);
  return result;
}

async function main(): Promise<void> {
  const startedAt = new Date();
  const machine = await machineFacts();
  say('starting a sandbox');
  const sandbox = await ProofSandbox.start();
  const measured: Measured[] = [];
  try {
    const before = await topologyNow(sandbox);
    for (const setting of SETTINGS) {
      say(`${setting.name}: brokers and service begin anew`);
      await apply(sandbox, setting, before);
      for (let round = 0; round < Number(values.rounds); round += 1) {
        for (const id of DRILLS) {
          const result = await drill(sandbox, id);
          measured.push({ setting, result });
          say(
            `${setting.name}, ${id}: ${result.hypothesis}, back after ${result.recovery.backInsideSloMs} ms ${result.reasons.join('; ')}`,
          );
        }
      }
    }
    const minutes = (Date.now() - startedAt.getTime()) / 60_000;
    const run = { startedAt: startedAt.toISOString(), minutes, machine, settings: SETTINGS, measured };
    await placePage(pageOf(run), values.page);
  } finally {
    say('taking the sandbox down');
    await sandbox.down();
  }
}

await main();

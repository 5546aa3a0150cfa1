#!/usr/bin/env node
// Plain JavaScript for Node 18: this is what a fresh Debian has before the pinned Node 24 is there.
import { fileURLToPath } from 'node:url';
import { buildBundle } from './setup/build.mjs';
import { kafkaIsThere, kafkaJars, pinKafka } from './setup/kafka.mjs';
import { npmPackages } from './setup/npm.mjs';
import { Interrupted, interruption, stopOnSignals } from './setup/run.mjs';
import { SetupError, stage } from './setup/stage.mjs';
import { systemPackages } from './setup/system.mjs';

const OLDEST_NODE = 18;
const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Everything the project needs, each part only where it is missing. Answers an exit code: 0, or what went wrong was said. */
export async function setUp() {
  stopOnSignals();
  try {
    if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
      throw new SetupError(
        `The set-up needs Node ${OLDEST_NODE} or newer to start with; this is ${process.versions.node}. Install a newer one.`,
      );
    }
    await stage('npm packages', npmPackages);
    await stage('servers', (doing) => systemPackages(doing, { forKafka: !kafkaIsThere() }));
    await stage('Kafka', kafkaJars);
    await stage('build', buildBundle);
    return 0;
  } catch (error) {
    return explain(error);
  }
}

function explain(error) {
  if (error instanceof Interrupted) return SIGNAL_EXIT[interruption()];
  const expected = error instanceof SetupError;
  process.stderr.write(`\n${expected ? error.message : error.stack}\n`);
  return expected ? error.exit : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = process.argv.includes('--pin-kafka')
    ? await stage('Kafka', pinKafka).then(() => 0, explain)
    : await setUp();
}

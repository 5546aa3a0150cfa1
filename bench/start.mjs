// What a user waits for before anything happens: `uplift --help` and `--version` beside bare Node, and a package that
// every command line of this kind loads (commander). Run after a build: node bench/start.mjs [runs]
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

const runs = Number(process.argv[2] ?? 21);
const root = fileURLToPath(new URL('..', import.meta.url));
const contenders = {
  'bare node': ['-e', '0'],
  'node + commander': ['--input-type=module', '-e', "import 'commander'"],
  'uplift --version': ['bin/uplift.js', '--version'],
  'uplift --help': ['bin/uplift.js', '--help'],
};

if (!Number.isInteger(runs) || runs < 3) {
  process.stderr.write('How many runs? A whole number, 3 or more.\n');
  process.exitCode = 64;
} else {
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  // Turn by turn, so that a busy moment of the machine meets all of them; the first round warms the file cache.
  for (let round = 0; round <= runs; round += 1) {
    for (const [name, args] of Object.entries(contenders)) {
      const ms = measure(name, args);
      if (round > 0) times[name].push(ms);
    }
  }
  report(times);
}

function measure(name, args) {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ms = performance.now() - started;
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  return ms;
}

function report(times) {
  const bare = median(times['bare node']);
  const what = existsSync(`${root}/dist/main.js`)
    ? 'the bundle in dist/'
    : 'the sources (no dist/: npm run build)';
  console.log(
    `Start-up of ${what}, Node ${process.versions.node}, ${os.cpus().length} cores, load ${os.loadavg()[0].toFixed(1)}, ${runs} runs each\n`,
  );
  console.log(
    `  ${''.padEnd(18)}${'median'.padStart(10)}${'fastest'.padStart(10)}${'over bare'.padStart(12)}${'ratio'.padStart(8)}`,
  );
  for (const [name, all] of Object.entries(times)) {
    const mid = median(all);
    const cells = [
      `${mid.toFixed(0)} ms`,
      `${Math.min(...all).toFixed(0)} ms`,
      `${(mid - bare).toFixed(0)} ms`,
    ];
    console.log(
      `  ${name.padEnd(18)}${cells[0].padStart(10)}${cells[1].padStart(10)}${cells[2].padStart(12)}${(mid / bare).toFixed(2).padStart(8)}`,
    );
  }
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

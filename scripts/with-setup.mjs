#!/usr/bin/env node
// Plain JavaScript for Node 18. Sets the project up, then goes on with the named command on the pinned Node 24.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pathWithTools, pinnedNode, root } from './setup/paths.mjs';
import { setUp } from './setup.mjs';

const COMMANDS = [
  'demo',
  'test',
  'crash-drills',
  'crash-service',
  'signals',
  'soak',
  'disk',
  'drills',
  'browser',
];
const [command, ...args] = process.argv.slice(2);

if (command !== undefined && !COMMANDS.includes(command)) {
  process.stderr.write(`"${command}" is not one of: ${COMMANDS.join(', ')}.\n`);
  process.exitCode = 64;
} else {
  process.exitCode = await setUp();
  if (process.exitCode === 0 && command !== undefined) process.exitCode = await onNode24(command);
}

/** The command as a child on Node 24; it gets our signals and gives us its exit code. */
function onNode24(name) {
  const env = { ...process.env, PATH: pathWithTools() };
  const child = spawn(pinnedNode, [join(root, 'scripts', `${name}.mjs`), ...args], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`Could not start scripts/${name}.mjs: ${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

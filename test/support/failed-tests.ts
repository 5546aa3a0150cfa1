import { afterEach } from 'vitest';
import { failedTests } from './evidence.ts';

/** A set-up file of the projects that use real servers: who takes a sandbox down knows whether something failed on it. */
afterEach(({ task }) => {
  if (task.result?.state === 'fail') failedTests.push(task.name);
});

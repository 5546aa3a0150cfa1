import { beforeEach } from 'vitest';
import { seen } from './evidence.ts';

/** A set-up file of the projects that use real servers: who takes a sandbox down knows whether something failed on it. */
seen.watched = true;
beforeEach(({ task, onTestFailed }) => {
  seen.begun = true;
  // Called after the hooks of the file, so that what fails in them counts as well.
  onTestFailed(() => void seen.failed.push(task.name));
});

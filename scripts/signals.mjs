// `npm run test:signals` after the set-up, on Node 24: interrupts commands at moments that a seed decides and looks at
// what is left. `--seed N` for another seed, `--only 17` (or `3,17`) for single points of it.
import { runSignals } from '../test/signals/run.ts';
import { machine, serverVersions } from './demo/machine.mjs';

const around = { machine: machine(), versions: await serverVersions() };
process.exitCode = await runSignals(process.argv.slice(2), around);

import { SetupError, stage } from '../setup/stage.mjs';
import { systemPackages } from '../setup/system.mjs';

/** Finds or installs what some tests need beside the set-up; answers the exit code when there is no way, else undefined. */
export async function withSystem(name, purposes) {
  try {
    await stage(name, (doing) => systemPackages(doing, purposes));
    return undefined;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return error.exit;
  }
}

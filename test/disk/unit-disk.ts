import { execFile } from 'node:child_process';
import { rename, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { waitReady } from '../../src/clients/process/ready.ts';
import { killUnit, stopUnit } from '../../src/clients/process/signal.ts';
import { startUnit } from '../../src/clients/process/start.ts';
import { statusOf } from '../../src/clients/process/status.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { SmallDisk } from '../support/small-disk.ts';

const call = promisify(execFile);
const COPY_MS = 60_000;

/** The data folder of one unit of a sandbox, moved onto a small tmpfs and back. */
export class UnitDisk {
  readonly unit: PlacedUnit;
  readonly disk: SmallDisk;
  #there = true;

  private constructor(unit: PlacedUnit, disk: SmallDisk) {
    this.unit = unit;
    this.disk = disk;
  }

  /** Stops the unit, gives its data a disk with this much room to spare, and starts it again. All or nothing. */
  static async under(unit: PlacedUnit, spareBytes: number): Promise<UnitDisk> {
    const folder = unit.labels.dataDir;
    if (folder === undefined) throw new Error(`${unit.id} names no data folder`);
    await stopUnit(unit);
    const { mode, uid, gid } = await stat(folder);
    const { stdout } = await call('du', ['-s', '--block-size=1', folder], { timeout: COPY_MS });
    const bytes = Number.parseInt(stdout, 10) + spareBytes;
    await rename(folder, aside(folder));
    let mounted: SmallDisk | undefined;
    try {
      mounted = await SmallDisk.mount(folder, { bytes, owner: { uid, gid }, mode: mode & 0o777 });
      await copy(`${aside(folder)}/.`, folder);
      await start(unit);
      return new UnitDisk(unit, mounted);
    } catch (error) {
      await killUnit(unit);
      await mounted?.unmount();
      await rm(folder, { recursive: true, force: true });
      await rename(aside(folder), folder);
      throw error;
    }
  }

  /** Makes room again; a server that ended is started. Answers whether it had ended. */
  async free(): Promise<boolean> {
    await this.disk.free();
    const ended = (await statusOf(this.unit)).state === 'exited';
    await start(this.unit);
    return ended;
  }

  /** Stops the unit, moves its data of now back where they were, and starts it. */
  async back(): Promise<void> {
    const { folder } = this.disk;
    await stopUnit(this.unit);
    await rm(aside(folder), { recursive: true });
    await copy(folder, aside(folder));
    await this.#leave();
    await rename(aside(folder), folder);
    await start(this.unit);
  }

  /** After a failure: kills the unit and unmounts; its older data are back. Does nothing after `back`. */
  async drop(): Promise<void> {
    if (!this.#there) return;
    await killUnit(this.unit);
    await this.#leave();
    await rename(aside(this.disk.folder), this.disk.folder);
  }

  async #leave(): Promise<void> {
    await this.disk.unmount();
    await rm(this.disk.folder, { recursive: true });
    this.#there = false;
  }
}

const aside = (folder: string): string => `${folder}.aside`;

async function copy(from: string, to: string): Promise<void> {
  // Kafka's indexes and Postgres's relations have holes, which a small disk has no room for.
  await call('cp', ['-a', '--sparse=always', from, to], { timeout: COPY_MS });
}

async function start(unit: PlacedUnit): Promise<void> {
  await startUnit(unit);
  await waitReady(unit);
}

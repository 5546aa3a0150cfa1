import { Mortal } from '../../../../steps/testing/mortal.ts';
import type { ServiceStepContext } from '../index.ts';

// For tests: a projector, the records that it has to apply, and an actuator in memory that can die at any effect.

const BEHIND_RECORDS = 7;

export class ServiceModel extends Mortal {
  process: 'up' | 'stopped' | 'gone' = 'up';
  behindRecords = 0;

  /** As it is, without a look at it. */
  state(): unknown {
    return { process: this.process, behindRecords: this.behindRecords };
  }

  readonly context: ServiceStepContext = {
    serviceOf: () => ({
      describe: async () => ({ ok: this.process === 'up', text: 'projector-1' }),
      hang: () => Promise.reject(new TypeError('no step needs this')),
      hanging: async () => this.process === 'stopped',
      running: async () => this.process === 'up',
      ready: async () => this.process === 'up',
      // A kill is two signals: whoever dies in between leaves a stopped process.
      kill: async (id) => {
        await this.act(`stop ${id}`, () => this.#away('stopped'));
        await this.act(`kill ${id}`, () => this.#away('gone'));
      },
      start: (id) =>
        this.act(`start ${id}`, () => {
          this.process = 'up';
        }),
    }),
    projection: async () => {
      const { behindRecords } = this;
      if (this.process === 'up') this.behindRecords = 0;
      const left = { ends: [], unknownPartitions: [], stillBehind: [] };
      const caughtUpInMs = this.process === 'up' ? 1 : null;
      return { seen: true, atMs: 0, value: { ...left, behindRecords, caughtUpInMs } };
    },
  };

  #away(process: 'stopped' | 'gone'): void {
    Object.assign(this, { process, behindRecords: BEHIND_RECORDS });
  }
}

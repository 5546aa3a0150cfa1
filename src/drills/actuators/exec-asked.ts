import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { killGroup } from '../../clients/process/command.ts';
import { stateOf } from '../../clients/process/status.ts';
import type { UnitProcess } from '../../clients/process/unit.ts';
import { writeFileAtomically } from '../../clients/process/unit-files.ts';
import { isUpliftError } from '../../core/error.ts';
import { parseJson } from '../../core/json.ts';
import { waitFor } from '../../core/wait.ts';
import { isOf, placeOfThisProcess } from '../../record/place.ts';
import type { Act } from './process.ts';

const askedSchema = z.object({
  v: z.literal(1),
  /** An undo is waited for, anything else is ended. */
  role: z.enum(['do', 'undo']),
  /** What was begun last and is not known to be undone. */
  act: z.enum(['kill', 'hang']).nullable(),
  pid: z.int().min(2),
  startTime: z.string().min(1),
  startedAtMs: z.number(),
  /** When it ended, by the clock of the machine; null: whoever began it did not live to see it. */
  endedAtMs: z.number().nullable(),
  /** Where its process was begun; absent: here, before places were written. */
  host: z.string().optional(),
  machine: z.string().optional(),
});
type Asked = z.infer<typeof askedSchema>;

/** The last command that was begun on one target, on disk: it may outlive whoever began it. */
export interface AskedFile {
  /** For `runCommand`: the process is on disk before it begins. */
  readonly begin: (role: 'undo' | Act) => (started: UnitProcess) => Promise<void>;
  /** `undone`: by an undo that succeeded. */
  readonly ended: (undone: boolean) => Promise<void>;
  /** The act that was begun and is not known to be undone. */
  readonly begun: () => Promise<Act | undefined>;
  /**
   * Ends the command that somebody left behind who died. An undo is waited for, up to `undoMs`; 0: it is an error. One of
   * another host died with it: its process id means nothing here.
   */
  readonly settle: (undoMs: number) => Promise<void>;
  /** For how long what was asked for may still show, ms; all of it where that is not known. */
  readonly leftMs: (seenWithinMs: number) => Promise<number>;
}

/** `key`: what tells the target from all others of the folder. */
export function askedFile(folder: string, key: string, nowMs: () => number = Date.now): AskedFile {
  const file = join(folder, `${key.replace(/[^A-Za-z0-9.-]/g, '_')}.json`);
  const write = async (asked: Asked): Promise<void> => {
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomically(file, `${JSON.stringify(asked)}\n`);
  };
  // One that cannot be read tells nothing: then the longest wait holds.
  const read = async (): Promise<Asked | undefined> => {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : askedSchema.safeParse(parseJson(text)).data;
  };
  return {
    begin: (what) => async (started) => {
      const begun = { v: 1, ...started, ...(await placeOfThisProcess()), endedAtMs: null } as const;
      if (what !== 'undo') return write({ ...begun, role: 'do', act: what });
      const act = (await read())?.act ?? null;
      // A full disk must not keep anything from being put back.
      await write({ ...begun, role: 'undo', act }).catch(() => undefined);
    },
    async ended(undone) {
      const asked = await read();
      if (asked === undefined) return;
      await write({ ...asked, ...(undone ? { act: null } : {}), endedAtMs: nowMs() }).catch(() => undefined);
    },
    begun: async () => (await read())?.act ?? undefined,
    async settle(undoMs) {
      const asked = await read();
      if (asked === undefined || asked.endedAtMs !== null) return;
      if (!isOf(await placeOfThisProcess(), asked)) return;
      if (asked.role === 'undo' && undoMs === 0 && (await stateOf(asked)) !== 'exited')
        throw new Error('it is being put back: its undo goes on');
      if (asked.role === 'undo') await waitEnd(asked, undoMs);
      await killGroup(asked);
    },
    async leftMs(seenWithinMs) {
      const endedAtMs = (await read())?.endedAtMs ?? nowMs();
      // A clock that was set back must not make it longer.
      return Math.min(seenWithinMs, Math.max(0, endedAtMs + seenWithinMs - nowMs()));
    },
  };
}

async function waitEnd(asked: Asked, timeoutMs: number): Promise<void> {
  const ended = async (): Promise<boolean> => (await stateOf(asked)) === 'exited';
  await waitFor(ended, { what: 'the end of an undo', timeoutMs, intervalMs: 50 }).catch((error: unknown) => {
    if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
  });
}

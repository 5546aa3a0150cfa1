import { constants } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { parseJson } from '../../core/json.ts';
import { withDeadline } from '../../core/wait.ts';
import { syncFolder } from '../../record/append-file.ts';

/** In the journal folder. That it is there stops every drill, whatever stands in it: `touch` is enough. */
export const STOP_FILE = 'drills-stopped';

const orderSchema = z.object({
  by: z.string(),
  host: z.string(),
  /** UTC. */
  at: z.string(),
  reason: z.string().nullable(),
});

/** Who stopped the drills, and why; one line of the file. */
export type StopOrder = z.output<typeof orderSchema>;

/** `unknown`: nobody can tell, which is no permission. */
export type StopState =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'stopped'; readonly orders: readonly StopOrder[] }
  | { readonly kind: 'unknown'; readonly why: string };

const MOST_BYTES = 65_536;
/** A share that hangs answers nothing, for minutes. */
const LOOK_MS = 3000;

/** Looks at the switch of a journal folder. A folder that is not there is a share that is not mounted, unless it `mayBeAbsent`. */
export async function readStop(
  journalDir: string,
  { mayBeAbsent }: { readonly mayBeAbsent: boolean },
): Promise<StopState> {
  try {
    const text = await withDeadline(`reading ${STOP_FILE}`, LOOK_MS, textOf(join(journalDir, STOP_FILE)));
    if (text !== undefined) return { kind: 'stopped', orders: ordersIn(text) };
    const isThere = await withDeadline(`looking at ${journalDir}`, LOOK_MS, exists(journalDir));
    if (isThere || mayBeAbsent) return { kind: 'allowed' };
    return { kind: 'unknown', why: `${journalDir} is not there: is it mounted?` };
  } catch (error) {
    return { kind: 'unknown', why: reasonOf(error) };
  }
}

async function textOf(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(absent);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MOST_BYTES) });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(absent)) !== undefined;

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}

/** Pure: what the lines say; one that says nothing is left out, and stops as much. */
export function ordersIn(text: string): StopOrder[] {
  return text.split('\n').flatMap((line) => {
    const order = orderSchema.safeParse(parseJson(line));
    return order.success ? [order.data] : [];
  });
}

/** Adds an order to the switch; on disk once this returns. `make`: the folder, where it is not there. Throws UPL-CANNOT-WRITE. */
export async function orderStop(
  journalDir: string,
  order: StopOrder,
  { make }: { readonly make: boolean },
): Promise<void> {
  const path = join(journalDir, STOP_FILE);
  try {
    if (make) await mkdir(journalDir, { recursive: true });
    const file = await open(path, 'a', 0o644);
    try {
      await file.writeFile(`${JSON.stringify(order)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(journalDir);
  } catch (error) {
    throw cannotSet(path, error, `touch ${path}`);
  }
}

/** Takes every order away; on disk once this returns. Throws UPL-CANNOT-WRITE. */
export async function liftStop(journalDir: string): Promise<void> {
  const path = join(journalDir, STOP_FILE);
  try {
    await rm(path, { force: true });
    await syncFolder(journalDir);
  } catch (error) {
    throw cannotSet(path, error, `ls -ld ${journalDir}`);
  }
}

function cannotSet(path: string, error: unknown, next: string): UpliftError {
  const message = `The stop switch ${path} cannot be set: ${reasonOf(error)}.`;
  return new UpliftError('UPL-CANNOT-WRITE', { message, next, cause: error });
}

/** `by ada on ops-1 at 2026-11-26T14:03:11.204Z: payday`, the newest first. */
export function orderText({ by, host, at, reason }: StopOrder): string {
  return `by ${by} on ${host} at ${at}${reason === null ? '' : `: ${reason}`}`;
}

/** Why no drill may run, as a sentence without its end, or undefined. Nobody being able to tell is a reason. */
export function whyStopped(state: StopState): string | undefined {
  if (state.kind === 'allowed') return undefined;
  if (state.kind === 'unknown') return `the stop switch cannot be read: ${state.why}`;
  const orders = state.orders.toReversed().map(orderText);
  return `drills are stopped ${orders.length === 0 ? 'by a file that does not say by whom' : orders.join('; ')}`;
}

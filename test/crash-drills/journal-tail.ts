import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { UpliftError } from '../../src/core/error.ts';
import { STEP } from '../../src/steps/journal-kinds.ts';

/** What a line of a journal that is being written says. */
export interface TailLine {
  readonly kind: string;
  readonly actor: string;
  readonly body: unknown;
}

const RARELY_MS = 5;
/** From the end of the baseline on: a step can be over in a few milliseconds. */
const OFTEN_MS = 1;

/** Pure: whole lines of a text and what is left of it. */
export function linesOf(text: string): { readonly lines: TailLine[]; readonly rest: string } {
  const parts = text.split('\n');
  const rest = parts.pop() ?? '';
  return { lines: parts.map((line) => JSON.parse(line) as TailLine), rest };
}

/** Pure: the kind of the step whose intent a line is; undefined: it is none. */
export function intentKind({ kind, body }: TailLine): string | undefined {
  if (kind !== STEP.intent) return undefined;
  return (body as { readonly step?: { readonly kind?: string } } | null)?.step?.kind;
}

/**
 * Reads on in a journal while another process writes it, and resolves as soon as its intent of this number (from 1) is on
 * the disk, with the kind of its step. `onWatched`: the watchdog is there, and the baseline about to begin; what takes its
 * time belongs there, since a first step can be over a few milliseconds after the baseline.
 */
export async function untilIntent(
  path: string,
  step: number,
  options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly onWatched: () => Promise<void>;
  },
): Promise<string> {
  const { timeoutMs, signal, onWatched } = options;
  const endsAtMs = performance.now() + timeoutMs;
  const file = await open(path, 'r');
  const buffer = Buffer.alloc(1 << 20);
  let [rest, intents, everyMs] = ['', 0, RARELY_MS];
  try {
    while (performance.now() < endsAtMs) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      const read = linesOf(rest + buffer.toString('utf8', 0, bytesRead));
      rest = read.rest;
      for (const line of read.lines) {
        if (line.kind === 'drill.watched') await onWatched();
        if (line.kind === 'drill.baseline') everyMs = OFTEN_MS;
        const kind = intentKind(line);
        if (kind === undefined) continue;
        intents += 1;
        if (intents === step) return kind;
      }
      if (bytesRead === 0) await delay(everyMs, undefined, { signal });
    }
  } finally {
    await file.close();
  }
  throw new UpliftError('UPL-DEADLINE', { message: `no intent of step ${step} within ${timeoutMs} ms` });
}

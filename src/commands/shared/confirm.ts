import { createInterface } from 'node:readline/promises';
import { UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';

/** Proof that somebody agreed. Use cases that change something take it, so they cannot be called without. */
export interface Confirmed {
  readonly by: 'flag' | 'prompt';
}

export interface ConfirmRequest {
  readonly yes: boolean;
  readonly environment: { readonly name: string; readonly production: boolean };
  /** What is about to happen, as a question. */
  readonly question: string;
  /** What to type instead, for the error. */
  readonly command: string;
}

/**
 * Asks before a change. `--yes` answers for an environment that is not production; production wants its name typed.
 * Without a terminal it never prompts: UPL-CONFIRMATION-NEEDED (15) says what to type.
 */
export async function confirm(deps: Deps, request: ConfirmRequest): Promise<Confirmed> {
  const { environment, yes, question, command } = request;
  if (yes && !environment.production) return { by: 'flag' };
  const typed = environment.production ? environment.name : 'yes';
  const input = process.stdin;
  if (input.isTTY !== true || deps.stderr.isTTY !== true) {
    const message = environment.production
      ? `${environment.name} is a production environment: its name must be typed on a terminal.`
      : `${question} needs an answer, and there is no terminal to ask on.`;
    throw new UpliftError(
      'UPL-CONFIRMATION-NEEDED',
      environment.production ? { message } : { message, next: `${command} --yes` },
    );
  }
  const lines = createInterface({ input, output: deps.stderr });
  try {
    const answer = await lines.question(`${question} Type ${typed} to go on: `, { signal: deps.signal });
    if (answer.trim() === typed) return { by: 'prompt' };
  } finally {
    lines.close();
  }
  throw new UpliftError('UPL-CONFIRMATION-NEEDED', { message: 'Not confirmed; nothing was changed.' });
}

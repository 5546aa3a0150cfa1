import { isUpliftError, reasonOf } from '../../core/error.ts';

export const RETRY_MS = 1000;
/** A refused login or certificate gets no better by asking; some clusters lock out who asks too often. */
const REFUSED_RETRY_MS = 10_000;

/** What a role does after something failed that it tries again for ever: how long it waits, and what is worth a line. */
export class Retries {
  #logged: string | undefined;

  /** `isNew` once per new reason; a refusal counts once whichever broker it comes from. */
  failed(error: unknown): { readonly reason: string; readonly isNew: boolean; readonly delayMs: number } {
    const refused = isUpliftError(error, 'UPL-KAFKA-AUTH');
    const reason = reasonOf(error);
    const mark = refused ? error.code : reason;
    const isNew = mark !== this.#logged;
    this.#logged = mark;
    return { reason, isNew, delayMs: refused ? REFUSED_RETRY_MS : RETRY_MS };
  }
}

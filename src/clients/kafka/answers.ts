import { protocolErrorsCodesById, ResponseError } from '@platformatic/kafka';
import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';

/** Kafka's name of an error code, e.g. 36 → TOPIC_ALREADY_EXISTS. */
export function errorName(code: number): string {
  const names: Readonly<Record<string, string>> = protocolErrorsCodesById;
  return names[String(code)] ?? `ERROR_${code}`;
}

/** The decoded answer even when parts of it carry error codes (the library throws those, with the answer attached). */
export async function wholeAnswer<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ResponseError && error.response !== undefined) return error.response as T;
    throw error;
  }
}

/** Thrown inside a call to say: this broker cannot answer that now, ask another one. */
export class AskAnother extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'AskAnother';
  }
}

/** UPL-KAFKA-REQUEST: Kafka answered, with an error. */
export function requestFailed(what: string, error: unknown): UpliftError {
  if (isUpliftError(error)) return error;
  const names =
    error instanceof ResponseError ? [...new Set(error.errors.map(nameOf))].join(', ') : reasonOf(error);
  return new UpliftError('UPL-KAFKA-REQUEST', {
    message: `Kafka could not ${what} (${names}).`,
    cause: error,
  });
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const id = 'apiId' in error && typeof error.apiId === 'string' ? error.apiId : error.message;
  const said =
    'serverErrorMessage' in error && typeof error.serverErrorMessage === 'string'
      ? `: ${error.serverErrorMessage}`
      : '';
  return `${id}${said}`;
}

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { type CommandEnd, runCommand } from '../../clients/process/command.ts';
import type { UnitProcess } from '../../clients/process/unit.ts';
import type { ExecCommand } from '../../config/actuator.ts';
import { formatMs } from '../../core/units.ts';

/** What is known of a target, for the placeholders of its commands. */
export interface Filling {
  readonly id: string;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly name?: string | undefined;
}

/** Where commands run, and what they get of the environment. */
export interface CommandPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ExecRequest {
  /** For messages: "the kill of broker 2". */
  readonly what: string;
  readonly command: ExecCommand;
  readonly filling: Filling;
  /** Names of variables that are passed on. */
  readonly env: readonly string[];
  readonly signal?: AbortSignal | undefined;
  readonly record?: (started: UnitProcess) => Promise<void>;
}

const ALWAYS = ['PATH', 'HOME', 'LANG', 'TZ'];
const SHOWN_CHARACTERS = 400;
/** Shorter values are no secrets, and would be found everywhere. */
const SECRET_CHARACTERS = 4;

/** Pure: the arguments with each placeholder filled in as a whole one. Throws where one is not known. */
export function filled(argv: readonly string[], filling: Filling): string[] {
  return argv.map((text) => {
    const [, key] = /^\{(id|host|port|name)\}$/.exec(text) ?? [];
    if (key === undefined) return text;
    const value = filling[key as keyof Filling];
    if (value === undefined) throw new Error(`uplift.yaml says no ${text} for ${filling.id}`);
    // The program would read it as an option.
    if (value.startsWith('-')) throw new Error(`${text} of ${filling.id} begins with a dash`);
    return value;
  });
}

/** The variables a command gets: a few that every program needs, and those that are declared. Throws where one is not set. */
export function passedOn(
  names: readonly string[],
  env: CommandPlace['env'],
): { readonly env: Record<string, string>; readonly secrets: Secrets } {
  const secrets = names.map((name): [string, string] => {
    const { [name]: value } = env;
    if (value === undefined || value === '')
      throw new Error(`the environment variable ${name}, which uplift.yaml passes on, is not set`);
    return [name, value];
  });
  const always = ALWAYS.flatMap((name): [string, string][] => {
    const { [name]: value } = env;
    return value === undefined ? [] : [[name, value]];
  });
  return { env: Object.fromEntries([...always, ...secrets]), secrets };
}

type Secrets = readonly (readonly [name: string, value: string])[];

/** What is looked for: each value, and each line of a longer one; the longest first. */
function needlesOf(secrets: Secrets): Secrets {
  return secrets
    .flatMap(([name, value]) => [value, ...value.split('\n')].map((each) => [name, each.trim()] as const))
    .filter(([, value]) => value.length >= SECRET_CHARACTERS)
    .toSorted(([, a], [, b]) => b.length - a.length);
}

/**
 * Pure: a text with the values of these variables replaced by their names, also where they overlap. `cut`: its beginning
 * is gone, and what is left may begin with the end of one.
 */
export function redacted(text: string, secrets: Secrets, cut = false): string {
  const needles = needlesOf(secrets);
  // A character that was cut in two reads as U+FFFD.
  const whole = cut ? text.replace(/^\ufffd+/, '') : text;
  const names = new Array<string | undefined>(whole.length).fill(undefined);
  for (const [name, value] of needles) {
    if (cut) names.fill(name, 0, endOf(value, whole));
    for (let at = whole.indexOf(value); at >= 0; at = whole.indexOf(value, at + 1))
      names.fill(name, at, at + value.length);
  }
  return [...names.keys()]
    .map((at) => {
      const { [at]: name, [at - 1]: before } = names;
      if (name === undefined) return whole[at];
      return before === undefined ? `$${name}` : '';
    })
    .join('');
}

/** How long the longest end of a value is that a text begins with. */
function endOf(value: string, text: string): number {
  for (let length = value.length - 1; length > 0; length -= 1)
    if (text.startsWith(value.slice(-length))) return length;
  return 0;
}

/** What a command printed: as it is, and as it may be shown. */
export interface ExecOutput {
  readonly text: string;
  readonly shown: string;
}

/** Runs a command to its end. Anything but exit 0 is an error that shows the end of its output. */
export async function runExec(place: CommandPlace, request: ExecRequest): Promise<ExecOutput> {
  const { what, command, filling, signal, record } = request;
  const { env, secrets } = passedOn(request.env, place.env);
  const argv = filled(command.argv, filling);
  const end = await runCommand({
    ...{ what, argv, env, cwd: place.cwd, timeoutMs: command.timeout, signal },
    ...(record === undefined ? {} : { record }),
  });
  if (end.by === 'itself' && end.exit === 0) {
    if (end.stdout.cut) throw new Error(`${what}: ${argv[0]} printed too much`);
    const { text } = end.stdout;
    return { text, shown: oneLine(redacted(text, secrets)) };
  }
  if (end.by === 'signal') signal?.throwIfAborted();
  throw new Error(`${what}: ${argv[0]} ${howOf(end, command)}${shownOf(end, secrets)}`);
}

function howOf({ by, exit }: CommandEnd, { timeout }: ExecCommand): string {
  if (by !== 'itself') return `did not end within ${formatMs(timeout)} and was killed`;
  if (exit === null) return 'was ended by a signal';
  if (exit === 127) return 'was not found (exit 127)';
  if (exit === 126) return 'may not be run (exit 126)';
  return `ended with exit ${exit}`;
}

function shownOf({ stdout, stderr }: CommandEnd, secrets: Secrets): string {
  const printed = stderr.text.trim() === '' ? stdout : stderr;
  const text = oneLine(redacted(printed.text, secrets, printed.cut));
  if (text === '') return '; it printed nothing';
  return `: ${text.length > SHOWN_CHARACTERS ? `… ${text.slice(-SHOWN_CHARACTERS)}` : text}`;
}

/** Pure: text of a program, for a message: no line breaks, nothing that a terminal would act on. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ').trim();

/** Why a program cannot be run, or undefined. */
export async function missingProgram(
  place: CommandPlace,
  [program = '']: readonly string[],
): Promise<string | undefined> {
  const folders = program.includes('/') ? [place.cwd] : (place.env.PATH ?? '').split(delimiter);
  for (const folder of folders) {
    const file = program.includes('/') ? resolve(folder, program) : join(folder, program);
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return undefined;
  }
  return `the program ${program} is not there, or may not be run`;
}

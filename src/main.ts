import { readFileSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import { systemClock } from './core/clock.ts';
import { isUpliftError } from './core/error.ts';
import { EXIT, type ExitCode, exitForSignal, worstExit } from './core/exit.ts';
import type { Outcome } from './core/outcome.ts';
import type { Deps, Globals, Runner } from './deps.ts';
import { renderError } from './output/error.ts';
import { errorDocument, renderJson, renderNdjson } from './output/json.ts';
import { createProgress, type ProgressReporter } from './output/progress.ts';
import { isCi, styleOf } from './output/style.ts';
import { renderText } from './output/text.ts';
import { buildProgram, globalsOf, type Register, usageError } from './program.ts';
import { type SignalTrap, trapSignals } from './signals.ts';

/**
 * Composition root: builds Deps, runs one command inside the one error boundary, sets the one exit code. The nouns
 * are a parameter only so that a test can bring its own.
 */
export async function main(
  args: readonly string[] = process.argv.slice(2),
  nouns?: readonly Register[],
): Promise<void> {
  const codes = new Set<ExitCode>();
  const trap = trapSignals(process, (line) => say(`${line}\n`));
  trapBugs(trap, codes);
  await runProgram(args, trap, codes, nouns);
  trap.release();
  const signal = trap.caught();
  if (signal !== undefined) codes.add(exitForSignal(signal));
  process.exitCode = worstExit(codes);
  leaveInTime();
}

const VERSION_FLAGS = ['-V', '--version'];

async function runProgram(
  args: readonly string[],
  trap: SignalTrap,
  codes: Set<ExitCode>,
  nouns: readonly Register[] | undefined,
): Promise<void> {
  // Asked by scripts, often, and alone: no need to build the tree of commands for it.
  if (args.length === 1 && VERSION_FLAGS.includes(args[0] ?? '')) return print(`${version()}\n`, codes);
  let reporter: ProgressReporter | undefined;
  const run: Runner = async (load, input) => {
    const globals = globalsOf(program);
    const action = await load();
    reporter = progressOf();
    const outcome = await action(depsOf(globals, trap, reporter), input);
    reporter.finish();
    codes.add(outcome.exit);
    await print(render(outcome, globals.output), codes);
  };
  let help = '';
  const writeOut = (text: string): void => {
    help += text;
  };
  const program = buildProgram(run, {
    version: version(),
    writeOut,
    args,
    ...(nouns === undefined ? {} : { nouns }),
  });
  try {
    await parse(program, args, run);
  } catch (error) {
    reporter?.finish();
    const seen = error instanceof CommanderError ? usageError(error, program, args) : error;
    if (seen === undefined) await print(help, codes);
    else await report(seen, globalsOf(program), trap.signal, codes);
  }
}

/** `uplift` alone greets; a noun alone, or options alone, are a usage error: a script forgot the verb. */
async function parse(program: Command, args: readonly string[], run: Runner): Promise<void> {
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    const isAlone = args.length === 0 && error instanceof CommanderError && error.code === 'commander.help';
    if (!isAlone) throw error;
    await run(() => import('./commands/shared/welcome.ts').then((m) => m.welcome), {});
  }
}

function render(outcome: Outcome, format: Globals['output']): string {
  if (format === 'json') return renderJson(outcome);
  if (format === 'ndjson') return renderNdjson(outcome);
  return outcome.verbatim ?? renderText(outcome, styleOf(process.stdout, process.env));
}

/** The error boundary. A command that stopped because it was told to is no bug: the signal's code says it all. */
async function report(
  error: unknown,
  globals: Globals,
  signal: AbortSignal,
  codes: Set<ExitCode>,
): Promise<void> {
  if (signal.aborted && isAbort(error, signal)) {
    say(`Stopped: ${String(signal.reason)}.\n`);
    return;
  }
  const exit = isUpliftError(error) ? error.exit : EXIT.bug;
  codes.add(exit);
  say(renderError(error, styleOf(process.stderr, process.env), { debug: globals.debug, exit }));
  if (isUpliftError(error) && globals.output !== 'text') {
    const document = errorDocument(error, exit);
    await print(globals.output === 'json' ? renderJson(document) : renderNdjson(document), codes);
  }
}

const MAX_CAUSES = 8;

function isAbort(error: unknown, signal: AbortSignal): boolean {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    if (current === signal.reason) return true;
    if (!(current instanceof Error) || isUpliftError(current)) return false;
    if (current.name === 'AbortError') return true;
    current = current.cause;
  }
  return false;
}

function depsOf(globals: Globals, trap: SignalTrap, reporter: ProgressReporter): Deps {
  return {
    // Read only by those who ask: most commands do not, and a start is to read few files.
    get version() {
      return version();
    },
    clock: systemClock,
    env: process.env,
    cwd: process.cwd(),
    program: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    globals,
    stdout: guarded(process.stdout),
    stderr: guarded(process.stderr),
    signal: trap.signal,
    answerImpatience: trap.answer,
    progress: reporter.progress,
  };
}

function progressOf(): ProgressReporter {
  return createProgress({
    write: say,
    style: styleOf(process.stderr, process.env),
    animate: process.stderr.isTTY === true && !isCi(process.env),
    clock: systemClock,
  });
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Resolves once the text has left us, so that leaving cuts nothing off. A full disk is an outcome of its own (74). */
async function print(text: string, codes: Set<ExitCode>): Promise<void> {
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((done) =>
    guarded(process.stdout).write(text, done),
  );
  if (error === null || error === undefined || isClosedPipe(error)) return;
  codes.add(EXIT.cannotWrite);
  say(`The result cannot be written: ${error.message}. exit ${EXIT.cannotWrite}\n`);
}

const guardedStreams = new WeakSet<NodeJS.WriteStream>();

/**
 * `uplift … | head` closes our stdout, a closed terminal both: neither may stop a restore that is under way. What print()
 * writes is reported there; here an error must only not become an exception. On first use: opening a stream takes time.
 */
function guarded(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (!guardedStreams.has(stream)) {
    guardedStreams.add(stream);
    stream.on('error', () => undefined);
  }
  return stream;
}

function say(text: string): void {
  guarded(process.stderr).write(text);
}

function isClosedPipe(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE' || error.code === 'EIO' || error.code === 'ERR_STREAM_DESTROYED';
}

const RESTORE_AFTER_BUG_MS = 300_000;

/** An exception nobody awaited: say so, and stop the command as a signal would, so that it still puts things back. */
function trapBugs(trap: SignalTrap, codes: Set<ExitCode>): void {
  const onBug = (error: unknown): void => {
    codes.add(EXIT.bug);
    say(renderError(error, styleOf(process.stderr, process.env), { debug: true, exit: EXIT.bug }));
    trap.stop('an unexpected error');
    setTimeout(() => process.exit(EXIT.bug), RESTORE_AFTER_BUG_MS).unref();
  };
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
}

const LEAVE_AFTER_MS = 3_000;

/** Everything is decided and printed: a handle somebody forgot to close must not keep the user waiting. */
function leaveInTime(): void {
  setTimeout(() => process.exit(), LEAVE_AFTER_MS).unref();
}

// `node src/main.ts check`: the sources as they are. bin/uplift.js calls main() itself.
if (import.meta.main) void main();

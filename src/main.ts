import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
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
import { buildProgram, globalsOf, usageError } from './program.ts';
import { trapSignals } from './signals.ts';

/** Composition root: builds Deps, runs one command inside the one error boundary, sets the one exit code. */
export async function main(args: readonly string[] = process.argv.slice(2)): Promise<void> {
  const trap = trapSignals(process, (line) => process.stderr.write(`${line}\n`));
  survivesClosedPipes();
  const own = await runProgram(args, trap.signal);
  trap.release();
  const signal = trap.caught();
  process.exitCode = worstExit(signal === undefined ? [own] : [own, exitForSignal(signal)]);
  leaveInTime();
}

async function runProgram(args: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  let exit: ExitCode = EXIT.ok;
  let reporter: ProgressReporter | undefined;
  const run: Runner = async (load, input) => {
    const globals = globalsOf(program);
    reporter = progressOf();
    const deps = depsOf(globals, signal, reporter);
    const outcome = await (await load())(deps, input);
    reporter.finish();
    exit = outcome.exit;
    process.stdout.write(render(outcome, globals.output));
  };
  const program = buildProgram(run, { version: version(), writeOut: (text) => process.stdout.write(text) });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exit;
  } catch (error) {
    reporter?.finish();
    const seen = error instanceof CommanderError ? usageError(error, program, args) : error;
    return seen === undefined ? EXIT.ok : report(seen, globalsOf(program), signal);
  }
}

function render(outcome: Outcome, format: Globals['output']): string {
  if (format === 'json') return renderJson(outcome);
  return format === 'ndjson' ? renderNdjson(outcome) : renderText(outcome, styleOf(process.stdout, process.env));
}

/** The error boundary. A command that stopped because it was told to is no bug: the signal's code says it all. */
function report(error: unknown, globals: Globals, signal: AbortSignal): ExitCode {
  const style = styleOf(process.stderr, process.env);
  if (signal.aborted && isAbort(error, signal)) {
    process.stderr.write(`Stopped by ${String(signal.reason)}.\n`);
    return EXIT.ok;
  }
  const exit = isUpliftError(error) ? error.exit : EXIT.bug;
  process.stderr.write(renderError(error, style, { debug: globals.debug, exit }));
  if (isUpliftError(error) && globals.output !== 'text') {
    const document = errorDocument(error, exit);
    process.stdout.write(globals.output === 'json' ? renderJson(document) : renderNdjson(document));
  }
  return exit;
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && (error.name === 'AbortError' || isAbort(error.cause, signal)));
}

function depsOf(globals: Globals, signal: AbortSignal, reporter: ProgressReporter): Deps {
  return {
    clock: systemClock,
    env: process.env,
    cwd: process.cwd(),
    globals,
    stdout: process.stdout,
    stderr: process.stderr,
    signal,
    progress: reporter.progress,
  };
}

function progressOf(): ProgressReporter {
  return createProgress({
    write: (text) => process.stderr.write(text),
    style: styleOf(process.stderr, process.env),
    animate: process.stderr.isTTY === true && !isCi(process.env),
    clock: systemClock,
  });
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** `uplift … | head` closes our stdout, a closed terminal both: neither may stop a restore that is under way. */
function survivesClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
}

const LEAVE_AFTER_MS = 3_000;

/** Everything is decided and printed: a handle somebody forgot to close must not keep the user waiting. */
function leaveInTime(): void {
  setTimeout(() => process.exit(), LEAVE_AFTER_MS).unref();
}

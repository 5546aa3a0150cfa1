const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof SIGNALS)[number];

export interface SignalSource {
  readonly pid: number;
  on(event: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(event: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

export interface SignalTrap {
  /** Aborted by the first signal; its reason is the signal's name. */
  readonly signal: AbortSignal;
  readonly caught: () => StopSignal | undefined;
  /** What every signal after the first is answered with from now on. */
  readonly answer: (line: string) => void;
  /** Stops the command for another reason than a signal. */
  readonly stop: (reason: string) => void;
  readonly release: () => void;
}

/**
 * The first signal asks the command to stop, which includes putting back what it changed. Further ones only answer
 * with a line: an impatient second Ctrl-C must not leave a broker down.
 */
export function trapSignals(source: SignalSource, say: (line: string) => void): SignalTrap {
  const controller = new AbortController();
  let first: StopSignal | undefined;
  let further = `Still stopping and putting things back. To leave it half done: kill -9 ${source.pid}`;
  const listener = (signal: StopSignal): void => {
    if (first === undefined) {
      first = signal;
      controller.abort(signal);
      return;
    }
    say(further);
  };
  for (const signal of SIGNALS) source.on(signal, listener);
  return {
    signal: controller.signal,
    caught: () => first,
    answer: (line) => {
      further = line;
    },
    stop: (reason) => controller.abort(reason),
    release: () => {
      for (const signal of SIGNALS) source.off(signal, listener);
    },
  };
}

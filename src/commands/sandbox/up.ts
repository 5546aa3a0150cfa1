import { formatMs } from '../../core/units.ts';
import type { Action } from '../../deps.ts';
import { sandboxUp } from '../../sandbox/up.ts';
import type { UpInput } from './index.ts';
import { nameFlag, stateDirOf, wholeNumber } from './input.ts';

/** `uplift sandbox up`: all servers ready, or none left running. */
export const upCommand: Action<UpInput> = async (deps, input) => {
  const up = await sandboxUp({
    stateDir: stateDirOf(deps),
    env: deps.env,
    options: {
      name: input.name,
      brokers: wholeNumber('--brokers', input.brokers),
      racks: wholeNumber('--racks', input.racks),
      service: input.service,
      secure: input.secure,
    },
    ...(input.portBase === undefined ? {} : { portBase: wholeNumber('--port-base', input.portBase) }),
    ...(input.kafkaHome === undefined ? {} : { kafkaHome: input.kafkaHome }),
    progress: deps.progress,
    signal: deps.signal,
  });
  const count = Object.keys(up.readyInMs).length;
  const again = up.restarted ? ' again, on its data' : '';
  const secure = up.secure ? ' Kafka takes TLS with a login.' : '';
  const name = nameFlag(input.name);
  return {
    exit: 0,
    kind: 'sandbox.up',
    data: up,
    blocks: [
      {
        kind: 'verdict',
        mark: 'ok',
        text: `Sandbox ${up.name} is up${again}: ${count} processes ready in ${formatMs(up.tookMs)}.${secure} ${up.configFile}`,
      },
      {
        kind: 'next',
        command: input.service
          ? `uplift topics plan    (uplift sandbox status${name} shows the processes)`
          : `uplift sandbox status${name}`,
      },
    ],
  };
};

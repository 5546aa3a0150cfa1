import { z } from 'zod';
import { duration } from './duration.ts';

/** Longest that one command may take, and that its effect may take to be seen: steps have bounds beyond it. */
export const MAX_COMMAND_MS = 60_000;
/** Longest that something may take to be back. */
export const MAX_BACK_MS = 1_800_000;

/** What is put into a command, each as an argument of its own. */
export const PLACEHOLDERS = ['{id}', '{host}', '{port}', '{name}'] as const;

const atMost = (limitMs: number, text: string) =>
  duration.refine((ms) => ms <= limitMs, { error: `must be at most ${text}` });

const argv = z
  .array(
    z.string().refine((text) => !PLACEHOLDERS.some((each) => text !== each && text.includes(each)), {
      error: `must be ${PLACEHOLDERS.join(', ')} alone: what is put in is always an argument of its own`,
    }),
  )
  .min(1)
  .max(64)
  .refine(([program]) => program === undefined || !/^$|^\{/.test(program), {
    error: 'must begin with the name of a program',
  })
  .describe(
    'The program and its arguments. No shell reads them; {id}, {host}, {port}, {name} are filled in.',
  );

const command = {
  argv,
  timeout: atMost(MAX_COMMAND_MS, '60s').prefault('30s').describe('It is killed after this time.'),
};

const UNDO = 'must be byItself, or a command with argv';

const action = z.strictObject({
  ...command,
  undo: z
    .union([z.strictObject(command), z.literal('byItself', { error: UNDO })], { error: UNDO })
    .describe('The command that takes it back, or byItself: the platform does. Either way `state` is asked.'),
});

const words = (own: string) => z.array(z.string().min(1)).prefault([own]);

const state = z.strictObject({
  ...command,
  says: z
    .strictObject({ running: words('running'), stopped: words('stopped'), hung: words('hung') })
    .prefault({})
    .describe('What the command prints, by what it means. Any other text is an error, never a guess.'),
});

/** One kind of thing that commands act on: how its state is asked, how it is stopped and hung, how that is undone. */
const target = z.strictObject({
  state,
  kill: action.optional(),
  hang: action.optional(),
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of a variable' }))
    .default([])
    .describe('Environment variables that are passed on, by name. Beside them: PATH, HOME, LANG, TZ.'),
  names: z
    .record(
      z.string(),
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/, {
        error: 'must begin with a letter or digit, and hold letters, digits and . _ : / - only',
      }),
    )
    .default({})
    .describe('What the platform calls each of them, for {name}: by broker id, host:port or process id.'),
  seenWithin: atMost(MAX_COMMAND_MS, '60s')
    .prefault('5s')
    .describe('From the end of a command until `state` shows what it did, at the latest.'),
  backWithin: atMost(MAX_BACK_MS, '30m')
    .prefault('60s')
    .describe('From an undo until `state` says that it runs again, at the latest.'),
});

const process = z.strictObject({
  kind: z.literal('process').describe('Faults act on local processes described by unit files.'),
  units: z.string().min(1).describe('Folder of the unit files.'),
});

const exec = z.strictObject({
  kind: z.literal('exec').describe('Faults are commands of your own.'),
  brokers: target.optional(),
  redis: target.optional(),
  service: target.optional(),
  postgres: target.optional().describe('The primary, where its provider fails over by itself.'),
});

/** How a region's servers are stopped and started. */
export const actuatorSchema = z.discriminatedUnion('kind', [process, exec]);
export type ExecActuatorConfig = z.output<typeof exec>;
export type ExecTargetConfig = z.output<typeof target>;
export type ExecCommand = Pick<z.output<typeof state>, 'argv' | 'timeout'>;
export type ExecActionConfig = z.output<typeof action>;

/** What commands can act on. */
export const EXEC_KINDS = ['brokers', 'redis', 'service', 'postgres'] as const;
export type ExecKind = (typeof EXEC_KINDS)[number];

/** What commands of a kind are never given: a broker is known by its id only. */
const UNKNOWN: Readonly<Record<ExecKind, readonly string[]>> = {
  brokers: ['{host}', '{port}'],
  redis: [],
  service: [],
  postgres: [],
};

/** Placeholders that cannot be filled, by where they stand below `actuator`. */
export function* unfillable(
  config: ExecActuatorConfig,
): Generator<{ readonly path: readonly (string | number)[]; readonly message: string }> {
  for (const kind of EXEC_KINDS) {
    const { [kind]: of } = config;
    if (of === undefined) continue;
    const unnamed = Object.keys(of.names).length === 0 ? ['{name}'] : [];
    const unknown = [...UNKNOWN[kind], ...unnamed];
    for (const [path, each] of commandsOf(of)) {
      for (const [at, text] of each.argv.entries()) {
        if (!unknown.includes(text)) continue;
        const why = text === '{name}' ? 'needs names' : `is not known of ${kind}; give names and use {name}`;
        yield { path: [kind, ...path, 'argv', at], message: `${text} ${why}` };
      }
    }
  }
}

/** Every command of a target with its place in it. */
export function commandsOf(target: ExecTargetConfig): [path: string[], command: ExecCommand][] {
  const actions = (['kill', 'hang'] as const).flatMap((name): [string[], ExecCommand][] => {
    const { [name]: of } = target;
    if (of === undefined) return [];
    return [
      [[name], of],
      ...(of.undo === 'byItself' ? [] : ([[[name, 'undo'], of.undo]] as [string[], ExecCommand][])),
    ];
  });
  return [[['state'], target.state], ...actions];
}

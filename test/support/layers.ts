import type { Import } from './imports.ts';

/** A file of src/ (`clients/kafka/produce.ts`) with what it imports, relative specifiers already resolved. */
export interface Module {
  readonly path: string;
  readonly imports: readonly Import[];
}

export interface Violation {
  readonly edge: string;
  readonly rule: string;
}

/** Bottom first (design: core ← record, contract, config ← … ← commands); a layer may import those below it only. */
const ORDER: readonly (readonly string[])[] = [
  ['core'],
  ['record', 'contract', 'config'],
  ['steps', 'clients'],
  ['facts'],
  ['load', 'topics', 'lag'],
  ['dlq'],
  ['checks'],
  ['drills'],
  ['runbooks'],
  ['gates', 'capacity'],
  ['commands'],
];
const RANK = new Map(ORDER.flatMap((layer, rank) => layer.map((name) => [name, rank] as const)));

/** Layers beside the order: all they may import. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  service: ['core', 'contract', 'config', 'clients'],
  sandbox: ['core', 'config', 'clients'],
  output: ['core'],
  tui: ['core', 'output'],
  templating: ['core', 'config', 'contract'],
};

/** Folders whose sub-folders are peers that do not know each other. */
const PEERS = ['clients', 'facts', 'commands'];
/** What every peer of a folder may use. */
const COMMON = 'shared';

/** The only homes of the SDKs: package pattern, path pattern. */
const HOMES: readonly { readonly sdk: RegExp; readonly home: RegExp }[] = [
  { sdk: /^(kafkajs|@platformatic\/kafka)(\/|$)/, home: /^clients\/kafka\// },
  { sdk: /^pg(\/|$)/, home: /^clients\/postgres\// },
  { sdk: /^ioredis(\/|$)/, home: /^clients\/redis\// },
  { sdk: /^undici(\/|$)/, home: /^clients\/http\// },
  { sdk: /^(fastify(\/|$)|@fastify\/)/, home: /^service\// },
  { sdk: /^@opentelemetry\//, home: /^service\/telemetry\/otlp\.ts$/ },
  { sdk: /^zx(\/|$)/, home: /^sandbox\// },
  { sdk: /^(ink|react)(\/|$)/, home: /^tui\// },
  {
    sdk: /^commander(\/|$)/,
    home: /^(main|program)\.ts$|^commands\/shared\/help\.ts$|^commands\/[^/]+\/index\.ts$/,
  },
  { sdk: /^(vitest|fast-check)(\/|$)/, home: /^$/ },
];

/** Every edge that breaks a rule, named. Test files are free: they start servers and build controls. */
export function violations(modules: readonly Module[]): Violation[] {
  const shipped = modules.filter(({ path }) => !isTest(path));
  const broken = shipped.flatMap(({ path, imports }) =>
    imports.flatMap((found) => {
      const rule = found.specifier.startsWith('src:') ? ownRule(path, found) : sdkRule(path, found.specifier);
      return rule === undefined ? [] : [{ edge: `${path} → ${target(found)}`, rule }];
    }),
  );
  return [...broken, ...cycles(shipped)];
}

/** Tests and what only they use, by its name. */
const isTest = (path: string): boolean => /\.test\.ts$|-fixture\.ts$|(^|\/)testing\//.test(path);

/** Files that are no part of the program (nothing leads from main.ts to them) and by their name no help for tests either. */
export function strays(modules: readonly Module[]): string[] {
  const edges = new Map(modules.map(({ path, imports }) => [path, imports.map(target)]));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const next of edges.get(path) ?? []) visit(next);
  };
  visit('main.ts');
  return [...edges.keys()].filter((path) => !reached.has(path) && !isTest(path) && !path.endsWith('.d.ts'));
}

const target = (found: Import): string => found.specifier.replace(/^src:/, '');

function sdkRule(path: string, specifier: string): string | undefined {
  const wrong = HOMES.find(({ sdk, home }) => sdk.test(specifier) && !home.test(path));
  return wrong && `${specifier} does not belong here`;
}

function ownRule(path: string, found: Import): string | undefined {
  const aim = target(found);
  const [from = '', fromPeer] = path.split('/');
  const [to = '', toPeer] = aim.split('/');
  if (isTest(aim)) return 'shipped code never imports a test';
  if (aim.startsWith('../')) return 'nothing outside of src/ is imported';
  if (!path.includes('/')) return rootRule(path, aim);
  if (aim === 'deps.ts') return from === 'commands' ? undefined : 'only main and commands know Deps';
  // Completion is made of the same tree that help shows.
  if (aim === 'help.ts' && from === 'commands' && fromPeer === 'completion') return undefined;
  if (!aim.includes('/')) return 'the composition root is imported by nobody';
  if (from === to) return peerRule(from, fromPeer, toPeer);
  if (to === 'service')
    return from === 'commands' && fromPeer === 'service'
      ? undefined
      : 'only commands/service imports the service';
  return layerRule(from, to, found.kind);
}

/** main, program and their neighbours see everything but what runs as its own process. */
function rootRule(path: string, target: string): string | undefined {
  if (path === 'deps.ts' && target.includes('/') && !target.startsWith('core/'))
    return 'Deps is made of core values only';
  return target.startsWith('service/') ? 'only commands/service imports the service' : undefined;
}

function peerRule(folder: string, from: string | undefined, to: string | undefined): string | undefined {
  if (!PEERS.includes(folder) || from === to || to === COMMON) return undefined;
  const bothInFolders =
    from !== undefined && to !== undefined && !from.endsWith('.ts') && !to.endsWith('.ts');
  return bothInFolders ? `peers of ${folder}/ do not know each other` : undefined;
}

function layerRule(from: string, to: string, kind: Import['kind']): string | undefined {
  const allowed = BESIDE[from];
  if (allowed !== undefined) {
    if (!allowed.includes(to)) return `${from} imports only ${allowed.join(', ')}`;
    return from === 'service' && to === 'config' && kind !== 'type'
      ? 'the service takes only types from config'
      : undefined;
  }
  const fromRank = RANK.get(from);
  if (fromRank === undefined) return `${from}/ has no place in the order of layers`;
  if (BESIDE[to] !== undefined) return from === 'commands' ? undefined : `only commands import ${to}`;
  const toRank = RANK.get(to);
  if (toRank === undefined) return `${to}/ has no place in the order of layers`;
  if (toRank < fromRank) return undefined;
  return toRank === fromRank ? `${from} and ${to} are peers: never sideways` : `${to} stands above ${from}`;
}

/** Circles of imports that exist at run time, each once, written as the way round. */
function cycles(modules: readonly Module[]): Violation[] {
  const edges = new Map(
    modules.map(({ path, imports }) => [path, imports.filter(({ kind }) => kind !== 'type').map(target)]),
  );
  const found: Violation[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start !== -1) found.push({ edge: [...way.slice(start), path].join(' → '), rule: 'no circles' });
    if (start !== -1 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importsOf } from './support/imports.ts';
import { strays, violations } from './support/layers.ts';
import { filesUnder, moduleOf, read } from './support/source-tree.ts';

const sources = filesUnder('src').filter((path) => path.endsWith('.ts'));

describe('the source tree', () => {
  it('has imports in one direction only, each SDK in its home, and no circle', () => {
    const modules = sources.map((path) => moduleOf(path, read(`src/${path}`)));
    expect(violations(modules).map(({ edge, rule }) => `${edge}: ${rule}`)).toEqual([]);
  });

  it('has no file that nothing leads to', () => {
    expect(strays(sources.map((path) => moduleOf(path, read(`src/${path}`))))).toEqual([]);
  });

  it('imports only files that exist', () => {
    const known = new Set(sources);
    const dangling = sources.flatMap((path) =>
      moduleOf(path, read(`src/${path}`))
        .imports.filter(
          ({ specifier }) => /^src:(?!\.\.).*\.ts$/.test(specifier) && !known.has(specifier.slice(4)),
        )
        .map(({ specifier }) => `${path} → ${specifier.slice(4)}`),
    );
    expect(dangling).toEqual([]);
  });
});

describe('the rules', () => {
  const broken = (files: Readonly<Record<string, string>>): string[] =>
    violations(Object.entries(files).map(([path, source]) => moduleOf(path, source))).map(
      ({ edge, rule }) => `${edge}: ${rule}`,
    );

  it.each([
    ['core/a.ts', "import { b } from '../steps/b.ts';", 'core/a.ts → steps/b.ts: steps stands above core'],
    [
      'record/a.ts',
      "import type { B } from '../config/b.ts';",
      'record/a.ts → config/b.ts: record and config are peers: never sideways',
    ],
    [
      'clients/kafka/a.ts',
      "export * from '../postgres/b.ts';",
      'clients/kafka/a.ts → clients/postgres/b.ts: peers of clients/ do not know each other',
    ],
    ['load/a.ts', "import pg from 'pg';", 'load/a.ts → pg: pg does not belong here'],
    ['load/a.ts', "const k = await import('kafkajs');", 'load/a.ts → kafkajs: kafkajs does not belong here'],
    [
      'service/a.ts',
      "import '../steps/b.ts';",
      'service/a.ts → steps/b.ts: service imports only core, contract, config, clients',
    ],
    [
      'service/a.ts',
      "import { b } from '../config/b.ts';",
      'service/a.ts → config/b.ts: the service takes only types from config',
    ],
    [
      'commands/load/run.ts',
      "import '../../service/a.ts';",
      'commands/load/run.ts → service/a.ts: only commands/service imports the service',
    ],
    [
      'drills/a.ts',
      "import type { Deps } from '../deps.ts';",
      'drills/a.ts → deps.ts: only main and commands know Deps',
    ],
    [
      'drills/a.ts',
      "import { up } from '../sandbox/up.ts';",
      'drills/a.ts → sandbox/up.ts: only commands import sandbox',
    ],
    [
      'commands/load/run.ts',
      "import { Command } from 'commander';",
      'commands/load/run.ts → commander: commander does not belong here',
    ],
    [
      'facts/kafka/a.ts',
      "import { b } from './b.test.ts';",
      'facts/kafka/a.ts → facts/kafka/b.test.ts: shipped code never imports a test',
    ],
    [
      'helpers/a.ts',
      "import { b } from '../core/b.ts';",
      'helpers/a.ts → core/b.ts: helpers/ has no place in the order of layers',
    ],
  ])('name the edge in %s: %s', (path, source, edge) => {
    expect(broken({ [path]: source })).toEqual([edge]);
  });

  it('name the whole way round of a circle, once', () => {
    const files = {
      'core/a.ts': "import './b.ts';",
      'core/b.ts': "import './c.ts';",
      'core/c.ts': "import './a.ts';",
    };
    expect(broken(files)).toEqual(['core/a.ts → core/b.ts → core/c.ts → core/a.ts: no circles']);
  });

  it('let types go round in a circle, and tests import what they need', () => {
    const files = {
      'core/a.ts': "import type { B } from './b.ts';",
      'core/b.ts': "import './a.ts';",
      'core/a.test.ts': "import { Kafka } from 'kafkajs'; import '../commands/x/y.ts';",
    };
    expect(broken(files)).toEqual([]);
  });

  it('name a file that nothing leads to', () => {
    const files = {
      'main.ts': "const a = await import('./core/a.ts');",
      'core/a.ts': "import type { B } from './b.ts';",
      'core/b.ts': '',
      'core/b.test.ts': "import './lonely.ts';",
      'core/lonely.ts': '',
      'core/b-fixture.ts': '',
    };
    expect(strays(Object.entries(files).map(([path, source]) => moduleOf(path, source)))).toEqual([
      'core/lonely.ts',
    ]);
  });

  it('allow what the design allows', () => {
    const files = {
      'commands/load/index.ts':
        "import type { Command } from 'commander'; import type { Runner } from '../../deps.ts';",
      'commands/service/all.ts': "import { gateway } from '../../service/gateway.ts';",
      'drills/a.ts':
        "import { run } from '../load/run.ts'; import { topic } from '../clients/kafka/ports.ts';",
      'service/a.ts': "import type { Region } from '../config/regions.ts'; import fastify from 'fastify';",
    };
    expect(broken(files)).toEqual([]);
  });
});

describe('the walker', () => {
  const seen = (source: string): string[] =>
    importsOf(source).map(({ kind, specifier }) => `${kind} ${specifier}`);

  it('finds every form of import and re-export', () => {
    const source = `
      import a, { b as c, type D } from './1.ts';
      import * as e from "./2.ts";
      import './3.ts';
      import type { F } from './4.ts';
      export { g } from './5.ts';
      export * from './6.ts';
      export type { H } from './7.ts';
      const i = await import('./8.ts');
      import type from './9.ts';
      import data from './10.json' with { type: 'json' };`;
    expect(seen(source)).toEqual([
      'static ./1.ts',
      'static ./2.ts',
      'static ./3.ts',
      'type ./4.ts',
      'static ./5.ts',
      'static ./6.ts',
      'type ./7.ts',
      'dynamic ./8.ts',
      'static ./9.ts',
      'static ./10.json',
    ]);
  });

  it('is not fooled by comments, strings, templates, regular expressions and properties', () => {
    const source = [
      "// import './1.ts';",
      "/* import './2.ts'; */",
      'const a = "import \'./3.ts\'";',
      "const b = `import './4.ts' \u0024{`import './5.ts' \u0024{c}`} import './6.ts'`;",
      'const d = /["\'`]/.test(e) || /[/"]/.test(f);',
      "g.import('./7.ts');",
      'const h = import.meta.url;',
      "export const from = 'x';",
      'export { from };',
      "const k = 4 / 2; const l = '/';",
      "import './real.ts';",
    ].join('\n');
    expect(seen(source)).toEqual(['static ./real.ts']);
  });

  it('finds an import inside an expression of a template', () => {
    expect(seen("const a = `\u0024{(await import('./in.ts')).b}`;")).toEqual(['dynamic ./in.ts']);
  });

  it('finds the imports again whatever strings stand between them', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 5 }), (texts) => {
        const source = texts
          .map(
            (text, at) =>
              `import './${at}.ts';\nconst s${at} = ${JSON.stringify(text)}; // ${text.replaceAll(/[\r\n\u2028\u2029]/g, ' ')}`,
          )
          .join('\n');
        expect(seen(source)).toEqual(texts.map((_, at) => `static ./${at}.ts`));
      }),
    );
  });
});

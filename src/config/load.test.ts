import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isUpliftError } from '../core/error.ts';
import { duration } from './duration.ts';
import { jsonSchemaOf, loadConfig } from './load.ts';
import { defineSection } from './section.ts';
import { CONFIG_TEMPLATE } from './template.ts';

const HEAD = 'version: 1\nenvironment: { name: test }\n';
const REGION = 'regions:\n  - name: local\n    kafka: { brokers: ["127.0.0.1:19092"] }\n';
const GOOD = HEAD + REGION;

const limits = defineSection({
  key: 'limits',
  schema: z
    .strictObject({ recovery: duration.prefault('30s'), freshness: duration.prefault('5s') })
    .prefault({}),
  describe: 'Limits.',
  rules: [
    function* (value) {
      if (value.freshness > value.recovery)
        yield { path: ['limits', 'freshness'], message: 'is longer than limits.recovery' };
    },
  ],
  env: [{ name: 'UPLIFT_RECOVERY', path: ['limits', 'recovery'] }],
});

function load(text: string, env: Record<string, string> = {}) {
  return loadConfig({ file: 'uplift.yaml', text, env, sections: [limits] });
}

/** Every problem as `place code message`. */
function problems(text: string, env: Record<string, string> = {}): string[] {
  try {
    load(text, env);
    return [];
  } catch (error) {
    if (!isUpliftError(error, 'UPL-CONFIG-INVALID')) throw error;
    expect(error.exit).toBe(78);
    return error.findings.map(({ id, summary, promise }) => `${promise?.text} ${id} ${summary}`);
  }
}

describe('a valid configuration', () => {
  it('is typed by its sections, with defaults and durations in ms', () => {
    const { value } = load(`${GOOD}limits: { recovery: 2m }\n`);
    const recoveryMs: number = value.limits.recovery;
    expect(recoveryMs).toBe(120_000);
    expect(value.limits.freshness).toBe(5_000);
    expect(value.regions[0]?.kafka.brokers).toEqual(['127.0.0.1:19092']);
    expect(value.environment.production).toBe(false);
  });

  it('knows which line, variable, flag or default decided each value', () => {
    const config = loadConfig({
      file: 'uplift.yaml',
      text: `${GOOD}limits:\n  recovery: 2m\n`,
      env: { KAFKA_BROKERS: 'a:1, b:2', UPLIFT_RECOVERY: '1m' },
      flags: [{ path: ['environment', 'name'], value: 'other', flag: '--environment' }],
      sections: [limits],
    });
    expect(config.value.regions[0]?.kafka.brokers).toEqual(['a:1', 'b:2']);
    expect(config.value.limits.recovery).toBe(60_000);
    expect(config.value.environment.name).toBe('other');
    expect(config.origin('regions[0].name')).toEqual({ source: 'file', text: 'uplift.yaml:4' });
    expect(config.origin('regions[0].kafka.brokers[1]')).toEqual({ source: 'env', text: 'KAFKA_BROKERS' });
    expect(config.origin(['limits', 'recovery'])).toEqual({ source: 'env', text: 'UPLIFT_RECOVERY' });
    expect(config.origin('limits')).toEqual({ source: 'file', text: 'uplift.yaml:6' });
    expect(config.origin('limits.freshness')).toEqual({ source: 'default', text: 'default' });
    expect(config.origin('environment.name')).toEqual({ source: 'flag', text: '--environment' });
    expect(config.entries().find(({ path }) => path === 'limits.freshness')).toEqual({
      path: 'limits.freshness',
      value: 5_000,
      origin: { source: 'default', text: 'default' },
    });
  });

  it("prefers a flag to the environment, and the variable that is ours to the blueprint's", () => {
    const flags = [{ path: ['limits', 'recovery'], value: '9s', flag: '--recovery' }];
    const config = loadConfig({
      file: 'f',
      text: GOOD,
      env: { UPLIFT_RECOVERY: '1m' },
      flags,
      sections: [limits],
    });
    expect(config.value.limits.recovery).toBe(9_000);
    expect(config.origin('limits.recovery').text).toBe('--recovery');
    const both = load(GOOD, { KAFKA_BROKERS: 'a:1', UPLIFT_KAFKA_BROKERS: 'b:2' });
    expect(both.value.regions[0]?.kafka.brokers).toEqual(['b:2']);
    expect(both.origin('regions[0].kafka.brokers').text).toBe('UPLIFT_KAFKA_BROKERS');
  });

  it('follows anchors and still names the line of the alias', () => {
    const text = `${HEAD}regions:\n  - name: a\n    kafka: &k { brokers: ["h:1"] }\n  - name: b\n    kafka: *k\n`;
    const config = load(text);
    expect(config.value.regions[1]?.kafka.brokers).toEqual(['h:1']);
    expect(config.origin('regions[1].kafka').text).toBe('uplift.yaml:7');
    expect(config.origin('regions[1].kafka.brokers').text).toBe('uplift.yaml:5');
  });

  it('is what uplift init writes', () => {
    expect(() => loadConfig({ file: 'uplift.yaml', text: CONFIG_TEMPLATE, sections: [] })).not.toThrow();
    const withAllComments = CONFIG_TEMPLATE.replace(
      /^( +)# ((?:tls|sasl|password|ca|mechanism|username)\b.*| {2}(?:ca|mechanism|username|password)\b.*)$/gm,
      '$1$2',
    );
    expect(withAllComments).not.toBe(CONFIG_TEMPLATE);
    expect(() => loadConfig({ file: 'uplift.yaml', text: withAllComments, sections: [] })).not.toThrow();
  });
});

describe('a wrong configuration', () => {
  it('reports every problem at once, each with its place, in file order', () => {
    const text = [
      'version: 1',
      'environmnt: { name: x }',
      'regions:',
      '  - name: Local',
      '    kafka:',
      '      broker: ["a:1"]',
      '      sasl: { mechanism: SCRAM-SHA-265, username: u, password: hunter2 }',
      '    redis: { nodes: [] }',
      '    service: { gateways: [{ id: g, url: nowhere }] }',
      'limits: { recovery: 30, freshness: 5x }',
    ].join('\n');
    expect(problems(text)).toEqual([
      'uplift.yaml:2:1 UPL-CONFIG-UNKNOWN-KEY environmnt is not a field. Did you mean "environment"?',
      'uplift.yaml:4:5 UPL-CONFIG-VALUE regions[0].name must be lower case letters, digits and dashes.',
      'uplift.yaml:6:7 UPL-CONFIG-UNKNOWN-KEY regions[0].kafka.broker is not a field. Did you mean "brokers"?',
      'uplift.yaml:7:15 UPL-CONFIG-VALUE regions[0].kafka.sasl.mechanism must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512. Did you mean "SCRAM-SHA-256"?',
      'uplift.yaml:7:54 UPL-CONFIG-TYPE regions[0].kafka.sasl.password must hold env or file.',
      'uplift.yaml:8:14 UPL-CONFIG-VALUE regions[0].redis.nodes must have at least 1 entry.',
      'uplift.yaml:9:36 UPL-CONFIG-VALUE regions[0].service.gateways[0].url must be a URL.',
      'uplift.yaml:10:11 UPL-CONFIG-TYPE limits.recovery must be a duration such as 500ms, 5s, 2m, 12h or 7d.',
      'uplift.yaml:10:25 UPL-CONFIG-VALUE limits.freshness must be a duration such as 500ms, 5s, 2m, 12h or 7d.',
    ]);
  });

  it('never repeats a value, which may be a password in the wrong place', () => {
    const text = `${GOOD.trimEnd()}\n    postgres: { database: d, user: u, password: hunter2, pasword: hunter2, writer: hunter2 }\n`;
    const found = problems(text);
    expect(found).toHaveLength(3);
    expect(found.join()).not.toContain('hunter2');
  });

  it('suggests inside a union and names what is missing where nothing was misspelt', () => {
    const text = `${GOOD.trimEnd()}\n    postgres: { database: d, user: u, password: { evn: X }, writer: { name: a } }\n`;
    expect(problems(text)).toEqual([
      'uplift.yaml:6:51 UPL-CONFIG-UNKNOWN-KEY regions[0].postgres.password.evn is not a field. Did you mean "env"?',
      'uplift.yaml:6:61 UPL-CONFIG-MISSING-KEY regions[0].postgres.writer.address is missing.',
    ]);
  });

  it('checks rules across fields even when another section is wrong', () => {
    const text = `version: 2\nenvironment: { name: test }\n${REGION}limits: { recovery: 1s, freshness: 5s }\n`;
    expect(problems(text)).toEqual([
      'uplift.yaml:1:1 UPL-CONFIG-VALUE version must be 1.',
      'uplift.yaml:6:25 UPL-CONFIG-RULE limits.freshness is longer than limits.recovery.',
    ]);
  });

  it('checks names, ports, endpoints and key pairs of regions', () => {
    const text = [
      `${HEAD}regions:`,
      '  - name: a',
      '    kafka: { brokers: ["h:1", "h:70000", "h:1"], tls: { cert: c.pem } }',
      '    postgres: { database: d, user: u, writer: { name: x, address: "h:0" }, replicas: [{ name: x, address: "h:2" }] }',
      '  - name: a',
      '    kafka: { brokers: ["h:1"] }',
      '    service: { gateways: [{ id: g, url: "http://h" }, { id: g, url: "http://i" }] }',
    ].join('\n');
    expect(problems(text).map((line) => line.replace(/^\S+ UPL-CONFIG-RULE /, ''))).toEqual([
      'regions[0].kafka.brokers[1] has port 70000; ports go from 1 to 65535.',
      'regions[0].kafka.brokers[2] repeats h:1.',
      'regions[0].kafka.tls has a client certificate but no key.',
      'regions[0].postgres.writer.name repeats x.',
      'regions[0].postgres.writer.address has port 0; ports go from 1 to 65535.',
      'regions[1].name is already the name of regions[0].',
      'regions[1].service.gateways[1].id repeats g.',
    ]);
  });

  it('names the variable when the environment is at fault', () => {
    expect(problems(GOOD, { KAFKA_BROKERS: 'nonsense' })).toEqual([
      'KAFKA_BROKERS UPL-CONFIG-VALUE regions[0].kafka.brokers[0] must be host:port.',
    ]);
  });

  it('refuses KAFKA_BROKERS with two regions', () => {
    const two = `${GOOD}  - name: other\n    kafka: { brokers: ["h:1"] }\n`;
    expect(problems(two)).toEqual([]);
    expect(problems(two, { KAFKA_BROKERS: 'a:1' })).toEqual([
      'uplift.yaml:5:14 UPL-CONFIG-ENV regions[0].kafka.brokers is set, but KAFKA_BROKERS counts only with exactly one region and there are 2. Unset it.',
    ]);
  });

  it('reports every syntax error and key that stands twice', () => {
    expect(
      problems('version: 1\nversion: 1\nregions: [a\n').map((line) => line.split(' ').slice(0, 2).join(' ')),
    ).toEqual(['uplift.yaml:2:1 UPL-CONFIG-DUPLICATE-KEY', 'uplift.yaml:4:1 UPL-CONFIG-SYNTAX']);
    expect(problems('')).toEqual(['uplift.yaml:1:1 UPL-CONFIG-TYPE The file must hold a group of fields.']);
    expect(problems('- a\n')).toHaveLength(1);
  });

  it('refuses a file whose aliases would fill the memory', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
      .split('')
      .map((name, at) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[at]}`).join(',')}]`)
      .join('\n')}\n`;
    expect(problems(bomb)[0]).toContain('UPL-CONFIG-SYNTAX');
  });

  it('never throws anything else, whatever the text', () => {
    const piece = fc.constantFrom(
      'version: 1\n',
      'regions:\n',
      '  - name: a\n',
      '    kafka: ',
      '{ brokers: [',
      '"a:1"',
      ']',
      '}',
      '\n',
      '&a ',
      '*a ',
      '!!map ',
      '? ',
      '- ',
      'limits: ',
      '\t',
      '__proto__: ',
      'constructor: 1\n',
      '"',
      '#',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 12 }), (parts) => {
        for (const line of problems(parts.join('')))
          expect(line).toMatch(/^\S+:\d+:\d+ UPL-CONFIG-[A-Z-]+ \S/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the JSON Schema', () => {
  it('describes what a person writes: durations as text, defaulted fields as optional', () => {
    expect(jsonSchemaOf([limits])).toMatchSnapshot();
  });
});

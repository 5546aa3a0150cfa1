import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { actuatorSchema } from './actuator.ts';
import { loadConfig } from './load.ts';

const STATE = { argv: ['look', '{id}'] };
const KILL = { argv: ['stop', '{id}'], undo: { argv: ['start', '{id}'] } };

/** What the loader says of an uplift.yaml with this actuator; the place of the first letter of each is cut off. */
function problemsOf(actuator: object): string[] {
  const region = { name: 'eu', kafka: { brokers: ['127.0.0.1:9092'] }, actuator };
  const text = stringify({ version: 1, environment: { name: 'shop' }, regions: [region] });
  try {
    loadConfig({ file: 'uplift.yaml', text, sections: [] });
    return [];
  } catch (error) {
    const { findings } = error as { findings: readonly { summary: string }[] };
    return findings.map(({ summary }) => summary.replace('regions[0].actuator.', ''));
  }
}

const brokers = (change: object): object => ({
  kind: 'exec',
  brokers: { state: STATE, kill: KILL, ...change },
});

describe('commands in uplift.yaml', () => {
  it('have times and words of their own where none are given', () => {
    expect(actuatorSchema.parse(brokers({}))).toMatchObject({
      brokers: {
        state: { timeout: 30_000, says: { running: ['running'], stopped: ['stopped'], hung: ['hung'] } },
        kill: { timeout: 30_000, undo: { timeout: 30_000 } },
        ...{ env: [], names: {}, seenWithin: 5000, backWithin: 60_000 },
      },
    });
    expect(problemsOf(brokers({}))).toEqual([]);
    expect(problemsOf(brokers({ kill: { argv: ['stop'], undo: 'byItself' } }))).toEqual([]);
  });

  it('unit files are as they were', () => {
    expect(problemsOf({ kind: 'process', units: 'units' })).toEqual([]);
  });

  it.each([
    ['without a state', { kind: 'exec', brokers: { kill: KILL } }, 'brokers.state is missing.'],
    ['without an undo', brokers({ kill: { argv: ['stop'] } }), 'brokers.kill.undo is missing.'],
    [
      'with an undo that is no command',
      brokers({ kill: { ...KILL, undo: 'later' } }),
      'brokers.kill.undo must be byItself',
    ],
    [
      'as text for a shell',
      brokers({ kill: { ...KILL, argv: 'stop {id}' } }),
      'brokers.kill.argv must be a list.',
    ],
    ['without a program', brokers({ state: { argv: [] } }), 'brokers.state.argv must have at least 1 entry.'],
    [
      'whose program is filled in',
      brokers({ state: { argv: ['{id}'] } }),
      'brokers.state.argv must begin with the name of a program.',
    ],
    [
      'with something filled into an argument',
      brokers({ state: { argv: ['look', 'id={id}'] } }),
      'brokers.state.argv[1] must be {id}, {host}, {port}, {name} alone',
    ],
    [
      'that are given too long',
      brokers({ state: { ...STATE, timeout: '2m' } }),
      'brokers.state.timeout must be at most 60s.',
    ],
    [
      'with the value of a variable',
      brokers({ env: ['TOKEN=abc'] }),
      'brokers.env[0] must be the name of a variable.',
    ],
    [
      'with a name that would be an option',
      brokers({ names: { '2': '--all' } }),
      'brokers.names["2"] must begin with a letter or digit',
    ],
    [
      'with {name} and no names',
      brokers({ state: { argv: ['look', '{name}'] } }),
      'brokers.state.argv[1] {name} needs names.',
    ],
    [
      'with {host} of a broker',
      brokers({ kill: { ...KILL, undo: { argv: ['ssh', '{host}'] } } }),
      'brokers.kill.undo.argv[1] {host} is not known of brokers',
    ],
    [
      'of a kind that is none',
      { kind: 'exec', broker: {} },
      'broker is not a field. Did you mean "brokers"?',
    ],
  ])('%s are refused', (_, actuator, expected) => {
    expect(problemsOf(actuator)).toEqual([expect.stringContaining(expected)]);
  });
});

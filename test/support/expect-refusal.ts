import { expect } from 'vitest';
import type { Finding } from '../../src/core/finding.ts';
import { configWith, type KafkaMistake } from './kafka-mistakes.ts';
import { expectExit, expectSoon, type ProofSandbox } from './sandbox.ts';
import { type CliResult, documentOf, type ErrorDocument } from './sandbox-cli.ts';

const STACK = /^\s+at .+:\d+:\d+\)?$/m;

/**
 * Every kind of command meets a mistake in `kafka` of uplift.yaml: one sentence, the exit code of its kind, what to do
 * next, soon, and a stack only where one was asked for.
 */
export async function expectRefusal(sandbox: ProofSandbox, mistake: KafkaMistake): Promise<void> {
  const config = await configWith(sandbox, mistake);
  const asked = (...args: string[]): Promise<CliResult> => sandbox.run([...args, '--config', config]);
  const [check, plan, drill, debug, beside] = await Promise.all([
    asked('check', '--output', 'json'),
    asked('topics', 'plan', '--output', 'json'),
    asked('drill', 'run', 'kafka-broker-loss', '--yes', '--output', 'json'),
    asked('topics', 'verify', '--debug'),
    asked('config', 'show'),
  ]);
  expectSoon([check, plan, drill, debug], beside);
  for (const { stderr } of [check, plan, drill]) expect(stderr).not.toMatch(STACK);
  expect(debug.stderr).toMatch(STACK);
  if (mistake.badConfig === true) {
    for (const one of [check, plan, drill]) expectError(one, 78, 'UPL-CONFIG-INVALID', mistake);
    return expectExit(debug, 78);
  }
  expectError(plan, 69, 'UPL-KAFKA-AUTH', mistake);
  expectExit(debug, 69);
  expectExit(check, 12);
  expectUnseen(documentOf<{ findings: Finding[] }>(check).findings, mistake);
  expectExit(drill, 15);
  const refused = documentOf<ErrorDocument>(drill);
  expect(refused.code).toBe('UPL-PREFLIGHT-REFUSED');
  expect(refused.message).toContain('Nothing was touched.');
  expect(refused.findings.find(({ id }) => id === 'kafka.brokers.racks')?.summary).toContain(
    'could not tell: ',
  );
}

function expectError(result: CliResult, exit: number, code: string, { says, next }: KafkaMistake): void {
  expectExit(result, exit);
  const document = documentOf<ErrorDocument>(result);
  expect(document.code).toBe(code);
  expect(document.message).toMatch(says);
  expect(document.next).toMatch(next);
}

/** What needs Kafka could not be told, in the same words; what does not need it was seen as ever. */
function expectUnseen(findings: readonly Finding[], { says, next }: KafkaMistake): void {
  const of = (id: string): Finding | undefined => findings.find((finding) => finding.id === id);
  for (const id of ['kafka.brokers.racks', 'kafka.topic.durability']) {
    expect(of(id)).toMatchObject({ status: 'inconclusive', next: expect.stringMatching(next) });
    expect(of(id)?.summary.replace('could not tell: ', '')).toMatch(says);
  }
  for (const id of ['postgres.replication', 'redis.cluster.slots'])
    expect(of(id)).toMatchObject({ status: 'pass' });
}

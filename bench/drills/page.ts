import type { DrillResult } from '../../src/drills/engine/result.ts';
import { machineTable } from '../../test/support/results-page.ts';
import type { Setting } from './settings.ts';

export interface Measured {
  readonly setting: Setting;
  readonly result: DrillResult;
}

const seconds = (ms: number | null): string => (ms === null ? 'not seen' : (ms / 1000).toFixed(1));

/** The page of a run. Pure. */
export function pageOf(run: {
  readonly startedAt: string;
  readonly minutes: number;
  readonly machine: Readonly<Record<string, string>>;
  readonly settings: readonly Setting[];
  readonly measured: readonly Measured[];
}): string {
  return [
    '# How long a lost broker is felt',
    '',
    'Written by `npm run bench:drills`: one sandbox (three brokers, the whole reference service), its brokers and its service',
    'started again with each setting, then the drills `kafka-broker-loss` and `kafka-broker-hang` by turns. What the drills say',
    'stands in their records; the figures are seconds. **Gap** is the longest time without an acknowledgement on a partition',
    'that the broker led, **SLO** the time until p99, errors and rate were back.',
    '',
    `Run at ${run.startedAt}, ${run.minutes.toFixed(1)} minutes.`,
    '',
    ...machineTable(run.machine),
    '',
    '## Settings',
    '',
    '| | broker.session.timeout.ms | broker.heartbeat.interval.ms | replica.lag.time.max.ms | request time-out of the producers |',
    '| --- | --- | --- | --- | --- |',
    ...run.settings.map(settingRow),
    '',
    '## Measured',
    '',
    '| setting | drill | verdict | detect | elect | reconnect | gap | errors for | SLO | acknowledged | lost |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...run.measured.map(resultRow),
    '',
    'Detecting is the broker session: the controller fences a broker that has sent no heartbeat for so long, dead or hung',
    '([KIP-631](https://cwiki.apache.org/confluence/display/KAFKA/KIP-631%3A+The+Quorum-based+Kafka+Controller)); heartbeats',
    'come once in an interval, so it may take less than the session by one. A victim that led the quorum costs an election of',
    'its voters first. A dead broker refuses connections at once, so producers find the new leaders as soon as there are any; a',
    'hung one takes requests and answers none, so that each request under way lasts its whole time-out.',
    '',
  ].join('\n');
}

function settingRow({ name, broker, requestTimeoutMs }: Setting): string {
  const of = (property: string): string => broker[property] ?? '';
  return `| ${name} | ${of('broker.session.timeout.ms')} | ${of('broker.heartbeat.interval.ms')} | ${of('replica.lag.time.max.ms')} | ${requestTimeoutMs} ms |`;
}

function resultRow({ setting, result }: Measured): string {
  const { recovery, interruption, judgement, hypothesis, drill } = result;
  const errors = interruption.errorWindowMs === null ? '0' : seconds(interruption.errorWindowMs);
  const cells = [
    ...[setting.name, drill, hypothesis, seconds(recovery.detectMs), seconds(recovery.electMs)],
    ...[seconds(recovery.reconnectMs), seconds(interruption.acknowledgementGapMs), errors],
    ...[seconds(recovery.backInsideSloMs), judgement.acknowledged.toLocaleString('en-US')],
    String(judgement.lost.length),
  ];
  return `| ${cells.join(' | ')} |`;
}

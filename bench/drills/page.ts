import { PRODUCER_SETTINGS } from '../../src/clients/kafka/producer-settings.ts';
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
    '| | broker.session.timeout.ms | broker.heartbeat.interval.ms | replica.lag.time.max.ms |',
    '| --- | --- | --- | --- |',
    ...run.settings.map(settingRow),
    '',
    `The producers of the service are the same in both: a request may take ${PRODUCER_SETTINGS.requestTimeoutMs} ms and leaders are asked for again`,
    `after ${PRODUCER_SETTINGS.metadataMaxAgeMs} ms at the latest (kafkajs by itself: 30,000 and 300,000). A producer that keeps those of kafkajs is`,
    'not measured here.',
    '',
    '## Measured',
    '',
    '| setting | drill | verdict | detect | explained by | elect | reconnect | gap | errors for | SLO | acknowledged | lost |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...run.measured.map(resultRow),
    '',
    ...run.measured.flatMap(whyNotHeld),
    'Detecting is the broker session: the controller fences a broker that has sent no heartbeat for so long, dead or hung',
    '([KIP-631](https://cwiki.apache.org/confluence/display/KAFKA/KIP-631%3A+The+Quorum-based+Kafka+Controller)); heartbeats',
    'come once in an interval, so it may take less than the session by one. A victim that led the quorum costs an election of',
    'its voters first. A dead broker refuses connections at once. A hung one takes requests and answers none, so that those under',
    'way last their whole time-out; then the producer sees by a probe of its own that nobody answers, and asks others who leads.',
    '',
  ].join('\n');
}

/** Why a drill did not hold, as it says itself. */
function whyNotHeld({ setting, result }: Measured): string[] {
  if (result.hypothesis === 'held') return [];
  return [`- ${result.drill}, ${setting.name}: ${result.hypothesis}, ${result.reasons.join('; ')}.`, ''];
}

function settingRow({ name, broker }: Setting): string {
  const of = (property: string): string => broker[property] ?? '';
  return `| ${name} | ${of('broker.session.timeout.ms')} | ${of('broker.heartbeat.interval.ms')} | ${of('replica.lag.time.max.ms')} |`;
}

function resultRow({ setting, result }: Measured): string {
  const { recovery, interruption, judgement, hypothesis, drill, expected } = result;
  const errors = interruption.errorWindowMs === null ? '0' : seconds(interruption.errorWindowMs);
  const cells = [
    ...[setting.name, drill, hypothesis, seconds(recovery.detectMs)],
    ...[expected.detect?.by ?? '', seconds(recovery.electMs)],
    ...[seconds(recovery.reconnectMs), seconds(interruption.acknowledgementGapMs), errors],
    ...[seconds(recovery.backInsideSloMs), judgement.acknowledged.toLocaleString('en-US')],
    String(judgement.lost.length),
  ];
  return `| ${cells.join(' | ')} |`;
}

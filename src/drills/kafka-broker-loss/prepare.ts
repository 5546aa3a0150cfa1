import { runChecks } from '../../checks/check.ts';
import { CHECKS } from '../../checks/registry.ts';
import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Finding } from '../../core/finding.ts';
import { unfinishedRuns } from '../run-folder.ts';
import { type KafkaTopology, leadsMost, topologyOf } from '../topology.ts';
import { preflightFindings } from './preflight.ts';
import type { BrokerLossOptions, BrokerLossPorts, Explanations, Victim } from './types.ts';

/** Everything that was found before anything was touched. */
export interface Prepared {
  readonly findings: readonly Finding[];
  readonly topology: KafkaTopology;
  readonly victim: Victim;
  readonly explanations: Explanations;
}

/**
 * Preflight: every check, and the conditions of this drill. All must pass; a finding without data refuses as much as a
 * bad one (15).
 */
export async function prepare(ports: BrokerLossPorts, options: BrokerLossOptions): Promise<Prepared> {
  const unfinished = (await unfinishedRuns(options.stateDir)).map(({ folder }) => folder.runId);
  refuseUnfinished(unfinished);
  const facts = await ports.look();
  const checks = runChecks(CHECKS, facts);
  if (!facts.kafka.state.seen) throw refusal(checks);
  const topology = topologyOf(facts.kafka.state.value);
  const declared = facts.desired.map(({ name }) => name);
  const most = leadsMost(topology, declared);
  if (most === undefined) throw refusal(checks);
  const findings = [
    ...checks,
    ...preflightFindings({
      region: options.region,
      kafka: facts.kafka,
      topology,
      desired: facts.desired,
      victim: most.broker,
      victimProcess: await ports.actuatorOf(options.units).describe(most.broker),
      unfinishedRuns: unfinished,
    }),
  ];
  if (findings.some(({ status }) => status !== 'pass' && status !== 'notApplicable')) throw refusal(findings);
  const rack = topology.brokers.find(({ id }) => id === most.broker)?.rack ?? null;
  const partitions = topology.partitions.filter(({ topic }) => declared.includes(topic)).length;
  return {
    findings,
    topology,
    victim: { broker: most.broker, rack, leads: most.leads, partitions },
    explanations: {
      ...(await explain(ports, options, most.broker)),
      ledQuorum: facts.kafka.quorum.seen && facts.kafka.quorum.value.leaderId === most.broker,
    },
  };
}

/** Before anything is looked at: what an earlier run left broken would only show up as somebody else's fault. */
function refuseUnfinished([first, ...others]: readonly string[]): void {
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new UpliftError('UPL-DRILL-UNFINISHED', {
    message: `Run ${first}${more} has not been restored, or is still running. Nothing was touched.`,
    next: `uplift drill recover ${first}`,
  });
}

function refusal(findings: readonly Finding[]): UpliftError {
  const bad = findings.filter(({ status }) => status !== 'pass' && status !== 'notApplicable');
  const next = bad.find((finding) => finding.next !== undefined)?.next ?? 'uplift check';
  const message = `The preflight refuses: ${bad.length} of ${findings.length} conditions are not met. Nothing was touched.`;
  return new UpliftError('UPL-PREFLIGHT-REFUSED', { message, findings: bad, next, exit: EXIT.refused });
}

/** The configured timeouts that a recovery time will be set beside; what cannot be read is null, never a guess. */
async function explain(
  { cluster }: BrokerLossPorts,
  { timeoutMs }: BrokerLossOptions,
  broker: number,
): Promise<Omit<Explanations, 'ledQuorum'>> {
  const configs = await cluster.brokerConfigs([broker], { timeoutMs }).catch(() => undefined);
  const settingOf = (name: string): number | null => {
    const value = configs?.get(broker)?.find((entry) => entry.name === name)?.value;
    return value === undefined || value === null ? null : Number(value);
  };
  return {
    sessionTimeoutMs: settingOf('broker.session.timeout.ms'),
    heartbeatMs: settingOf('broker.heartbeat.interval.ms'),
  };
}

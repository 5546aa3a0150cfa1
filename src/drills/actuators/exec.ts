import { probeOnce } from '../../clients/process/ready.ts';
import { ExecActuator, type ExecPlace } from './exec-actuator.ts';
import type { BrokerActuator, ProcessActuator, RedisActuator, ServiceActuator } from './process.ts';

/** A region whose servers are acted on by commands of uplift.yaml, with the names that it gives them: a journal brings no others. */
export interface ExecRegion extends ExecPlace {
  readonly redisNodes: readonly string[];
  readonly services: readonly { readonly id: string; readonly url: string }[];
  /** The writer of uplift.yaml: the only Postgres server that commands act on. */
  readonly writer?: { readonly name: string; readonly address: string } | undefined;
}

export interface ExecActuators {
  readonly brokers: BrokerActuator;
  readonly redis: RedisActuator;
  readonly service: ServiceActuator;
  readonly postgres: ProcessActuator<string>;
}

/** Acts by commands of the region's own, as uplift.yaml has them now. A journal names what they act on, never what is run. */
export function execActuators(region: ExecRegion): ExecActuators {
  const { redisNodes, services, writer } = region;
  const urlOf = (id: string): string | undefined => services.find((each) => each.id === id)?.url;
  const service = new ExecActuator<string>(region, 'service', (id) => {
    const url = urlOf(id);
    if (url === undefined) return undefined;
    const { hostname, port } = new URL(url);
    return { what: id, id, host: hostname, ...(port === '' ? {} : { port }) };
  });
  return {
    brokers: new ExecActuator<number>(region, 'brokers', (id) =>
      Number.isSafeInteger(id) && id >= 0 ? { what: `broker ${id}`, id: String(id) } : undefined,
    ),
    redis: new ExecActuator<string>(region, 'redis', (address) => {
      if (!redisNodes.includes(address)) return undefined;
      return { what: `Redis at ${address}`, id: address, ...placeOf(address) };
    }),
    postgres: new ExecActuator<string>(region, 'postgres', (name) =>
      name === writer?.name ? { what: `Postgres ${name}`, id: name, ...placeOf(writer.address) } : undefined,
    ),
    service: Object.assign(service, {
      ready: async (id: string): Promise<boolean> =>
        probeOnce({ kind: 'http', url: `${urlOf(id)?.replace(/\/$/, '')}/readyz` }),
    }),
  };
}

function placeOf(address: string): { readonly host: string; readonly port: string } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: address.slice(at + 1) };
}

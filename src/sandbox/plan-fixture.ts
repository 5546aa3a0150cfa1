import { fileURLToPath } from 'node:url';
import { portPlan, sandboxPaths } from './layout.ts';
import { type SandboxOptions, sandboxOptions } from './options.ts';
import { loadTemplates } from './package-root.ts';
import type { PlanContext } from './plan-context.ts';

const templates = await loadTemplates(fileURLToPath(new URL('../../', import.meta.url)));

/** For tests: a plan context with the project's own templates and made-up programs. */
export function contextFor(
  given: Partial<SandboxOptions> = {},
  change: Partial<PlanContext> = {},
): PlanContext {
  const options = sandboxOptions(given);
  return {
    options,
    paths: sandboxPaths('/srv/state/sandbox/demo', '/srv/state/sandbox/demo'),
    ports: portPlan(options, 20_000),
    binaries: {
      java: '/bin/java',
      keytool: '/bin/keytool',
      kafkaJars: ['/kafka/a.jar', '/kafka/b.jar'],
      postgresBin: '/pg/bin',
      pgbouncer: '/bin/pgbouncer',
      redisServer: '/bin/redis-server',
    },
    templates,
    archive: '/cache/kafka.jsa',
    password: 'not-so-secret-here',
    kafkaSecrets: {
      clientPassword: 'not-so-secret-client',
      brokerPassword: 'not-so-secret-broker',
      storePassword: 'not-so-secret-store',
    },
    clusterId: 'Qw3n0bZ3QdeTBCUlgjSN8A',
    directoryIds: Array.from(
      { length: options.brokers },
      (_, at) => `Qw3n0bZ3QdeTBCUlgjSN8${String.fromCharCode(65 + at)}`,
    ),
    baseEnv: { PATH: '/bin', HOME: '/srv/x', LC_ALL: 'C' },
    uplift: ['/bin/node', '/srv/bin/uplift.js'],
    serviceOverrides: {},
    linux: true,
    ...change,
  };
}

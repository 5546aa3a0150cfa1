import { z } from 'zod';
import { actuatorSchema } from './actuator.ts';

const hostPort = z.string().regex(/^[^\s:]+:\d{1,5}$/, { error: 'must be host:port' });
const regionName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: 'must be lower case letters, digits and dashes' });

/** A secret never stands in the file: it names an environment variable or a file that holds it. */
export const secret = z.union([
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
]);
export type SecretRef = z.infer<typeof secret>;

const kafka = z.strictObject({
  brokers: z.array(hostPort).min(1).describe('Bootstrap brokers, host:port.'),
  tls: z
    .strictObject({
      ca: z.string().optional().describe('PEM file of the CA to trust; absent: the system store.'),
      cert: z.string().optional().describe('PEM file of the client certificate.'),
      key: z.string().optional().describe('PEM file of the client key.'),
      servername: z.string().optional(),
    })
    .optional(),
  sasl: z
    .strictObject({
      mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
      username: z.string().min(1),
      password: secret,
    })
    .optional(),
});

const postgresServer = z.strictObject({ name: z.string().min(1), address: hostPort });

const postgres = z.strictObject({
  database: z.string().min(1),
  user: z.string().min(1),
  password: secret.optional(),
  writer: postgresServer.describe('The primary, asked directly.'),
  replicas: z.array(postgresServer).default([]),
  pooler: hostPort.optional().describe('PgBouncer; what the service uses.'),
});

const redis = z.strictObject({ nodes: z.array(hostPort).min(1).describe('Redis Cluster nodes.') });

const endpoint = z.strictObject({ id: z.string().min(1), url: z.url() });

const service = z.strictObject({
  gateways: z.array(endpoint).min(1),
  commands: z.array(endpoint).default([]),
  projectors: z.array(endpoint).default([]),
  sweepers: z.array(endpoint).default([]),
});

export const regionSchema = z.strictObject({
  name: regionName,
  kafka,
  postgres: postgres.optional(),
  redis: redis.optional(),
  service: service.optional(),
  actuator: actuatorSchema.optional(),
});
export type RegionConfig = z.infer<typeof regionSchema>;

export const environmentSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  production: z.boolean().default(false).describe('Changes need the typed name of the environment.'),
});

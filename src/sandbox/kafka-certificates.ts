import { chmod, writeFile } from 'node:fs/promises';
import { keyFiles } from './kafka-secure.ts';
import type { PlanContext } from './plan-context.ts';
import { runCommand } from './run-command.ts';

const KEYTOOL_TIMEOUT_MS = 60_000;
const VALID_DAYS = '3650';
/** A quick, small JVM: four of them run one after the other. */
const JVM = ['TieredStopAtLevel=1', '+UseSerialGC', '-UsePerfData'].map((flag) => `-J-XX:${flag}`);

/**
 * Makes an authority of this sandbox's own and one certificate for all brokers (127.0.0.1, localhost) with Java's
 * keytool, which is there wherever a broker can run. The authority signs once and its key is deleted: nobody can make a
 * second certificate that clients of this sandbox trust. Passwords go by file, never on a command line.
 */
export async function makeCertificates(context: PlanContext, signal: AbortSignal): Promise<void> {
  const { paths, options } = context;
  const { store } = keyFiles(paths);
  const key = ['-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', VALID_DAYS, '-startdate', '-1d'];
  const authority = ['-ext', 'bc:c=ca:true,pathlen:0', '-ext', 'ku:c=keyCertSign,cRLSign'];
  const broker = ['san=ip:127.0.0.1,dns:localhost', 'ku:c=digitalSignature', 'eku=serverAuth,clientAuth'];
  const brokerExt = broker.flatMap((one) => ['-ext', one]);
  const name = (cn: string): string[] => ['-dname', `CN=${cn} of sandbox ${options.name}, O=uplift`];
  await keytool(context, ['-genkeypair', '-alias', 'ca', ...name('CA'), ...key, ...authority], signal);
  await keytool(
    context,
    ['-genkeypair', '-alias', 'broker', '-signer', 'ca', ...name('Kafka'), ...key, ...brokerExt],
    signal,
  );
  const pem = await keytool(context, ['-exportcert', '-rfc', '-alias', 'ca'], signal);
  await writeFile(paths.kafkaCaFile, pem, { mode: 0o644, flag: 'wx' });
  await keytool(context, ['-delete', '-alias', 'ca'], signal);
  await chmod(store, 0o600);
}

async function keytool(context: PlanContext, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { binaries, paths, baseEnv } = context;
  const { store, storePassword } = keyFiles(paths);
  const where = ['-storetype', 'PKCS12', '-keystore', store, '-storepass:file', storePassword];
  return runCommand([binaries.keytool ?? 'keytool', ...JVM, ...args, ...where], {
    what: `keytool ${args[0] ?? ''}`,
    env: baseEnv,
    cwd: paths.dir,
    timeoutMs: KEYTOOL_TIMEOUT_MS,
    noteIn: paths.dir,
    secrets: Object.values(context.kafkaSecrets),
    signal,
  });
}

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../src/core/wait.ts';

export interface SlowDoor {
  /** Connections that were let in so far. */
  readonly letIn: () => number;
  close(): Promise<void>;
}

/**
 * Stands in front of a server of this machine and lets each new connection in only after a while; those that are in are as
 * fast as ever. So looks, from outside, a broker whose handshakes wait for a processor.
 */
export async function openSlowDoor(port: number, behindPort: number, delayMs: number): Promise<SlowDoor> {
  const open = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    open.add(socket.setNoDelay(true));
    socket.on('error', () => undefined);
    return socket.once('close', () => open.delete(socket));
  };
  let count = 0;
  const admit = async (outside: Socket): Promise<void> => {
    await delay(delayMs);
    if (outside.destroyed) return;
    count += 1;
    const inside = keep(connect({ host: '127.0.0.1', port: behindPort }));
    inside.once('close', () => outside.destroy());
    outside.once('close', () => inside.destroy());
    outside.pipe(inside).pipe(outside);
  };
  const server = createServer((socket) => void admit(keep(socket)));
  // The kernel may hold the port of a killed server for a moment.
  const listens = async (): Promise<true> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  };
  await waitFor(listens, { what: `port ${port} to listen on`, timeoutMs: 10_000, intervalMs: 100 });
  return {
    letIn: () => count,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

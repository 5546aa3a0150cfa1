const ESTABLISHED = '01';

/**
 * Inodes of established connections from or to one of these ports, or with any port, of a text like /proc/net/tcp and
 * tcp6 (proc(5)). A socket whose other end is closed is in another state and not among them.
 */
export function establishedWith(ports: ReadonlySet<number> | 'any', table: string): Set<string> {
  const inodes = table.split('\n').flatMap((line) => {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    if (state !== ESTABLISHED || inode === undefined) return [];
    if (ports === 'any') return [inode];
    return ports.has(portOf(local)) || ports.has(portOf(remote)) ? [inode] : [];
  });
  return new Set(inodes);
}

/** `0100007F:1F90` → 8080. */
function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '', 16);
}

/** How many of these descriptor links (`socket:[123]`, a path, …) are one of the sockets. */
export function countSockets(links: readonly string[], inodes: ReadonlySet<string>): number {
  return links.filter((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')).length;
}

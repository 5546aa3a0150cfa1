import { userInfo } from 'node:os';

/** The user's name, or its number: a container may run as a user that has no name. `ask`: how the system is asked. */
export function userName(ask: () => { readonly username: string } = userInfo): string {
  try {
    return ask().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

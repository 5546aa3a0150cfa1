import { existsSync } from 'node:fs';
import type { Browser, BrowserType } from 'playwright-core';

/** Where systems put it; the set-up of `npm run test:browser` installs Debian's. */
const PLACES = ['/usr/bin/chromium', '/Applications/Chromium.app/Contents/MacOS/Chromium'];

/** The system's Chromium without a window, that asks nobody for updates and keeps nothing. */
export async function startBrowser(type: BrowserType): Promise<Browser> {
  const executablePath = PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) throw new Error('no Chromium: npm run test:browser installs it');
  return type.launch({
    executablePath,
    // As root, which a container often is, it starts without its sandbox only. It sees our own pages and nothing else.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    timeout: 30_000,
  });
}

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: ['**/*.real.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'real',
          include: ['src/**/*.real.test.ts', 'test/**/*.real.test.ts'],
          // One sandbox serves all real-server tests, and a machine has two cores: one file at a time.
          fileParallelism: false,
          setupFiles: ['./test/support/failed-tests.ts'],
          globalSetup: ['./test/support/fresh-build.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          // `npm run test:signals`: a matrix of its own, no part of `npm test`.
          name: 'signals',
          include: ['test/signals/points.matrix.ts'],
          fileParallelism: false,
          setupFiles: ['./test/support/failed-tests.ts'],
          globalSetup: ['./test/support/fresh-build.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          // `npm run test:disk`: servers on a disk that runs full, no part of `npm test`.
          name: 'disk',
          include: ['test/disk/servers.matrix.ts'],
          fileParallelism: false,
          setupFiles: ['./test/support/failed-tests.ts'],
          globalSetup: ['./test/support/fresh-build.ts'],
          testTimeout: 400_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          // `vitest run --project drills`: losses made on purpose, no part of `npm test`.
          name: 'drills',
          include: ['test/drills/*.matrix.ts'],
          fileParallelism: false,
          setupFiles: ['./test/support/failed-tests.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          // `npm run test:browser`: pages in a real Chromium, no part of `npm test`.
          name: 'browser',
          include: ['test/browser/*.matrix.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

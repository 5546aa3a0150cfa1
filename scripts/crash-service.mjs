// `npm run test:crash:service` after the set-up, on Node 24: processes of a platform are killed and stopped under load,
// one at a time, and everything is read back after each. See test/crash/main.ts.
await import('../test/crash/main.ts');

// `npm run test:soak` after the set-up, on Node 24: half an hour of load on a platform of its own, with a kill every
// minute. See test/soak/main.ts.
await import('../test/soak/main.ts');

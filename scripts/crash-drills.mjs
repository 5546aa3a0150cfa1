// `npm run test:crash:drills` after the set-up, on Node 24: drills are killed at every step of their fault on a standing
// sandbox, and what puts things back is looked at. See test/crash-drills/main.ts.
await import('../test/crash-drills/main.ts');

import type { Action } from '../../deps.ts';
import { DRILL_NAMES } from '../../drills/names.ts';

/** `uplift drill ls`: every drill there is; nothing is asked of anybody. */
export const lsCommand: Action<Record<string, never>> = async () => ({
  exit: 0,
  kind: 'drill.ls',
  data: { drills: DRILL_NAMES },
  blocks: [
    {
      kind: 'table',
      columns: [{ title: 'DRILL' }, { title: 'STORE' }, { title: 'WHAT IT DOES' }],
      rows: DRILL_NAMES.map(({ id, store, title }) => [id, store, title]),
    },
    { kind: 'next', command: `uplift drill plan ${DRILL_NAMES[0].id}` },
  ],
});

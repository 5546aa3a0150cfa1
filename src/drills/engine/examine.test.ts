import { expect, test } from 'vitest';
import type { Lost } from '../../load/verdicts.ts';
import { lookUntilAgreed } from './examine.ts';

const lost = (eventId: string, alsoIn: readonly string[]): Lost => ({
  ...{ eventId, alsoIn, verb: 'create', reservation: null, acknowledgedUs: 1, claimed: null },
  ...{ hop: 'gateway → commands log', whatStandsThere: 'nothing' },
});
const looksOf = (...looks: (readonly Lost[])[]) => {
  let count = 0;
  const looked = async () => ({ judgement: { lost: looks[count++] ?? [] } });
  return { looked, count: () => count };
};

test('a loss that a source behind contradicts is looked at once more: a copy that came in between is no loss', async () => {
  const looks = looksOf([lost('sent again meanwhile', ['az-a', 'API'])], []);
  expect((await lookUntilAgreed(looks.looked)).judgement.lost).toEqual([]);
  expect(looks.count()).toBe(2);
});

test('what is still contradicted at the second look is the verdict', async () => {
  const cut = [lost('its log was cut', ['az-a'])];
  const looks = looksOf(cut, cut, []);
  expect((await lookUntilAgreed(looks.looked)).judgement.lost).toEqual(cut);
  expect(looks.count()).toBe(2);
});

test('a loss that nobody contradicts is believed at once', async () => {
  const looks = looksOf([lost('gone', [])], []);
  expect((await lookUntilAgreed(looks.looked)).judgement.lost).toHaveLength(1);
  expect(looks.count()).toBe(1);
});

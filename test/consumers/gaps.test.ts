import { expect, it } from 'vitest';
import { gapsOf, type Seen } from './gaps.ts';

const at = (atMs: number, partition: number, by: string): Seen => ({
  atMs,
  partition,
  offset: `${atMs}`,
  by,
});

it('tells the silence of the partitions of the dead member from that of the others, and what came twice', () => {
  const seen = [
    at(900, 0, 'a'),
    at(950, 1, 'b'),
    at(1200, 1, 'b'),
    at(1900, 1, 'b'),
    at(5000, 0, 'b'),
    at(5000, 0, 'a'),
  ];
  const more = [at(5800, 1, 'b'), at(5900, 0, 'b')];
  expect(gapsOf([...seen, ...more], { atMs: 1000, endMs: 6000, victim: 'a', partitions: 2 })).toEqual({
    victims: [0],
    victimGapMs: 4100,
    ended: true,
    otherGapMs: 3900,
    twice: 1,
  });
});

it('says when a silence had not ended', () => {
  const fault = { atMs: 1000, endMs: 9000, victim: 'a', partitions: 1 };
  expect(gapsOf([at(900, 0, 'a')], fault)).toMatchObject({ victimGapMs: 8100, ended: false });
});

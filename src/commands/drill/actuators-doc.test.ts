import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { DRILL_NAMES } from '../../drills/names.ts';
import { SECTIONS } from '../shared/sections.ts';

const page = await readFile(new URL('../../../docs/actuators.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^## (.+?)\n[\s\S]*?```yaml\n([\s\S]*?)```/gm)].map(
  ([, title = '', text = '']) => ({
    title,
    text,
  }),
);

const regionOf = (text: string) =>
  loadConfig({ file: 'uplift.yaml', text, sections: SECTIONS }).value.regions[0];

describe('docs/actuators.md', () => {
  test('has an example for each managed service', () => {
    expect(examples.map(({ title }) => title)).toEqual([
      'Commands',
      'Amazon MSK',
      'Amazon RDS',
      'Amazon ElastiCache',
    ]);
    expect(page.match(/```yaml/g)).toHaveLength(examples.length);
  });

  test.each(examples)('$title: is an uplift.yaml as it stands', ({ text }) => {
    const actuator = regionOf(text)?.actuator;
    expect(actuator?.kind).toBe('exec');
  });

  test('a mistake in one would be found', () => {
    const [{ text } = { text: '' }] = examples;
    expect(() => regionOf(text.replace('backWithin', 'backwithin'))).toThrow('1 problem');
    expect(() => regionOf(text.replace("ssh, '{name}'", "ssh, 'root@{name}'"))).toThrow('1 problem');
  });

  test('says of every drill what it needs', () => {
    for (const { id } of DRILL_NAMES) expect(page).toContain(`| \`${id}\` |`);
  });

  test('says that AWS was not tried, and where its commands are from', () => {
    expect(page).toContain('not tried against AWS by us');
    for (const { title } of examples.filter((each) => each.title.startsWith('Amazon')))
      expect(page.split(`## ${title}`)[1]?.split('\n## ')[0]).toMatch(/^From: \[/m);
  });
});

import { NEWEST_RULES, RULES, type Rules } from '../../contract/rules.ts';

/**
 * Longest time between a command reaching the log and its notAfter. A command that asks for more is not valid, so an event
 * id may be forgotten after twice this time: no copy of its command can be accepted any more (S9). The same under all
 * rules, or a change of rules could bring forgotten commands back.
 */
export const LONGEST_WINDOW_MS = 300_000;

/** How long the first decision of an event id is remembered, by log time. */
export const REMEMBER_MS = 2 * LONGEST_WINDOW_MS;

/**
 * How long before log time a slot may begin. A reservation that ended so long ago cannot meet a new one any more, so the
 * fold need not know it: its state stays as large as what is to come. The same under all rules, like the window.
 */
export const PAST_MS = 86_400_000;

/** Version before the first change of rules. */
export const FIRST_RULES = 1;

/** The rules of a version, which the caller knows to exist. */
export function rulesOf(version: number): Rules {
  const rules = RULES.get(version);
  if (rules === undefined) throw new RangeError(`no rules of version ${version} are known`);
  return rules;
}

/** Why a process stops where rules begin that it does not have. */
export function unknownRules(version: number): string {
  return `rules of version ${version} hold from here on, this process knows them up to ${NEWEST_RULES}`;
}

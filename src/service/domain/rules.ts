import { CAPACITY_PER_RESOURCE } from '../../contract/rules.ts';

/**
 * Rules version 1. Constants of the fold: they may only change together with a record in every commands partition
 * (S1), never by configuration, because two deciders with different constants would decide differently.
 */
export const RULES = {
  version: 1,
  /** Units of one resource that may be reserved at any instant. */
  capacityPerResource: CAPACITY_PER_RESOURCE,
  /**
   * Longest time between a command reaching the log and its notAfter. A command that asks for more is not valid, so an
   * event id may be forgotten after twice this time: no copy of its command can be accepted any more (S9).
   */
  longestWindowMs: 300_000,
} as const;

/** How long the first decision of an event id is remembered, by log time. */
export const REMEMBER_MS = 2 * RULES.longestWindowMs;

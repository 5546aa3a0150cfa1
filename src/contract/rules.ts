/**
 * Capacity of every resource at any instant under rules version 1 of the reference service. It stands in the contract
 * because whoever checks for overselling must know it.
 */
export const CAPACITY_PER_RESOURCE = 100;

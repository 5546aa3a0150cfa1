import { z } from 'zod';
import {
  reliabilityStatusSchema,
  retryPlanSchema,
  retryRequestSchema,
  retryResultSchema,
} from '../../contract/reliability.ts';
import type { RouteDoc } from '../gateway/route-docs.ts';
import { PATHS } from './page.ts';

const page = { name: 'Page', says: 'A page.', schema: z.string(), contentType: 'text/html' };

/** The routes for operators, as `/openapi.json` and `/docs` of a sweeper and a projector show them. */
export const RELIABILITY_ROUTES: readonly RouteDoc[] = [
  {
    method: 'get',
    url: PATHS.status,
    summary: 'How idempotency, unknown outcomes, sweepers and dead letters stand, over all tenants',
    params: {},
    headers: [],
    answers: {
      200: {
        name: 'ReliabilityStatus',
        says: 'What could be asked. A fact that could not is unknown, and so is the verdict then.',
        schema: reliabilityStatusSchema,
      },
    },
    problems: ['invalid'],
  },
  {
    method: 'get',
    url: PATHS.dashboard,
    summary: 'The same for people; it asks again by itself, refresh=off holds it still',
    params: {},
    query: z.object({ refresh: z.literal('off').optional() }),
    headers: [],
    answers: { 200: page },
    problems: ['invalid'],
  },
  {
    method: 'get',
    url: PATHS.retry,
    summary: 'What a retry of unknown outcomes would do; nothing is done before its token comes back',
    params: {},
    query: z.object({ operation: z.string().optional() }),
    headers: [],
    answers: {
      200: { name: 'RetryPlan', says: 'A page to a browser.', schema: retryPlanSchema },
    },
    problems: ['invalid', 'notReady'],
  },
  {
    method: 'post',
    url: PATHS.retry,
    summary: 'Do what a plan says, once; the same token again gets the first answer',
    params: {},
    headers: [],
    body: { name: 'RetryRequest', schema: retryRequestSchema },
    answers: {
      200: { name: 'RetryResult', says: 'What was done. A page to a browser.', schema: retryResultSchema },
    },
    problems: ['invalid', 'notFound', 'outcomeUnknown'],
  },
];

export const RELIABILITY_INFO = {
  title: 'Reliability',
  version: '1',
  description:
    'For operators, on the listeners of sweepers and projectors only: counts over all tenants, ids of operations, no payloads.',
};

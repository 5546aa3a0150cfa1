import { projectionStatusSchema } from '../../contract/http.ts';
import type { RouteDoc } from '../gateway/route-docs.ts';

/** How far the projection is, as `/openapi.json` and `/docs` of a projector show it. */
export const PROJECTION_ROUTE: RouteDoc = {
  method: 'get',
  url: '/v1/monitoring/reservations/projection',
  summary: 'How far this projector is with its partitions: lag, rate, time to catch up, last error',
  params: {},
  headers: [],
  answers: {
    200: { name: 'ProjectionStatus', says: 'As of now.', schema: projectionStatusSchema },
  },
  problems: ['notReady'],
};

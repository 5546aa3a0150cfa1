import { formatCount, formatMs } from '../../core/units.ts';
import { type Check, type CheckFacts, type Judgement, notSeen } from '../check.ts';

/** The projection passes the ends of the events topic, as seen at the start, within the limit. */
export const projectionFreshness: Check = {
  id: 'projection.freshness',
  title: 'the projection catches up with the events within its limit',
  judge: judgeFreshness,
};

function judgeFreshness({ projection, limits, originOf }: CheckFacts): Judgement {
  const promise = originOf(['limits', 'projectionFreshness']);
  if (projection === undefined)
    return { status: 'notApplicable', summary: 'no service or Postgres in uplift.yaml', evidence: [] };
  const query = 'ends of the events topic, then uplift_offsets until passed';
  if (!projection.seen) return { ...notSeen(query, projection.reason), promise };
  const { ends, behindRecords, caughtUpInMs, unknownPartitions, stillBehind } = projection.value;
  if (ends.length === 0) return { ...notSeen(query, 'the events topic has no partitions'), promise };
  if (unknownPartitions.length > 0) {
    return {
      ...notSeen(
        query,
        `no position of partitions ${unknownPartitions.slice(0, 6).join(', ')} for this topic id`,
      ),
      promise,
    };
  }
  const limit = `limit ${formatMs(limits.projectionFreshness)}`;
  const evidence = [{ query, value: `${formatCount(behindRecords)} records behind at the start` }];
  if (caughtUpInMs === null) {
    const records = stillBehind.reduce((sum, partition) => sum + partition.records, 0);
    return {
      status: 'fail',
      summary: `still ${formatCount(records)} records behind on ${stillBehind.length} partitions (${limit})`,
      evidence,
      promise,
    };
  }
  return {
    status: 'pass',
    summary: `${formatCount(behindRecords)} records behind, passed in ${formatMs(caughtUpInMs)} (${limit})`,
    evidence,
    promise,
  };
}

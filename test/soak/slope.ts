/** One look at a process: when, in minutes since the soak began, and how much. */
export interface Point {
  readonly atMin: number;
  readonly value: number;
}

/** The value below or at which this share of the values lies, always one of them; undefined without values. */
export function quantile(values: readonly number[], share: number): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)];
}

/** The middle value (the lower of two); undefined without values. */
export function median(values: readonly number[]): number | undefined {
  return quantile(values, 0.5);
}

/**
 * Slope per minute by Theil and Sen: the median of the slopes of all pairs. A garbage collector draws saw teeth, a
 * restart of a neighbour draws spikes; up to 29 % of such points do not move it, and least squares would follow them.
 * Undefined below two points in time. Quadratic: 400 points are 80,000 pairs.
 */
export function theilSen(points: readonly Point[]): number | undefined {
  const slopes: number[] = [];
  points.forEach((a, index) => {
    for (const b of points.slice(index + 1)) {
      if (a.atMin !== b.atMin) slopes.push((b.value - a.value) / (b.atMin - a.atMin));
    }
  });
  return median(slopes);
}

/** Slope per minute by least squares: shown beside the judged one, so that a reader sees what robustness hides. */
export function leastSquares(points: readonly Point[]): number | undefined {
  const mean = (of: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const atMin = mean((point) => point.atMin);
  const value = mean((point) => point.value);
  const spread = points.reduce((sum, point) => sum + (point.atMin - atMin) ** 2, 0);
  if (spread === 0) return undefined;
  return points.reduce((sum, point) => sum + (point.atMin - atMin) * (point.value - value), 0) / spread;
}

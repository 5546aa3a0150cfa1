/** A hold that waits for its confirmation. */
export interface Hold {
  readonly untilMs: number;
  readonly id: string;
}

/** The holds of a partition in the order in which they end; of those that end at once, by id. */
export class Holds {
  readonly #all: Hold[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(hold: Hold): void {
    this.#all.splice(this.#placeOf(hold), 0, hold);
  }

  remove(hold: Hold): void {
    const place = this.#placeOf(hold);
    if (this.#all[place]?.id === hold.id) this.#all.splice(place, 1);
  }

  /** Those that ended before `logTimeMs`, at most `limit`. */
  due(logTimeMs: number, limit: number): readonly Hold[] {
    const end = this.#all.findIndex((hold, index) => index >= limit || hold.untilMs >= logTimeMs);
    return this.#all.slice(0, end === -1 ? this.#all.length : end);
  }

  /** Index of the first that does not come before this one. */
  #placeOf(hold: Hold): number {
    let low = 0;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.#all[middle];
      if (at !== undefined && isBefore(at, hold)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isBefore(a: Hold, b: Hold): boolean {
  return a.untilMs === b.untilMs ? a.id < b.id : a.untilMs < b.untilMs;
}

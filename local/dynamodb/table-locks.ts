/**
 * One writer per table at a time, so that the order of a table's stream is the order of its writes and a transaction is
 * atomic against every other write. Several tables are locked in name order: two transactions never wait for each other.
 */
export class TableLocks {
  readonly #tails = new Map<string, Promise<void>>();

  async hold<Result>(tableNames: Iterable<string>, work: () => Promise<Result>): Promise<Result> {
    const releases: (() => void)[] = [];
    try {
      for (const tableName of [...new Set(tableNames)].sort()) releases.push(await this.#acquire(tableName));
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  async #acquire(tableName: string): Promise<() => void> {
    const before = this.#tails.get(tableName);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(tableName, promise);
    await before;
    return () => {
      if (this.#tails.get(tableName) === promise) this.#tails.delete(tableName);
      resolve();
    };
  }
}

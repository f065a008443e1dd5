import { Histogram, type Registry } from 'prom-client';
import type { CommittedBatch } from '../store/commit-queue.js';

/** How the store keeps up: one observation for each fsync, which is far less often than there are transactions. */
export class StoreMetrics {
  readonly #seconds: Histogram;
  readonly #transactions: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#seconds = new Histogram({
      name: 'nc_store_commit_seconds',
      help: 'Time to commit one batch of transactions, fsync and the reading of what it changed included.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    });
    this.#transactions = new Histogram({
      name: 'nc_store_batch_transactions',
      help: 'Transactions that shared one commit.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    });
  }

  /** Counts a batch. */
  committed({ transactions, seconds }: CommittedBatch): void {
    this.#seconds.observe(seconds);
    this.#transactions.observe(transactions);
  }
}

import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '../../src/domain/errors.js';

/** Answers what it was given; fails when told to. */
const { data } = workerData as { readonly data: { readonly fail?: string } };
if (data.fail !== undefined) throw new DomainError('store_failed', data.fail);
parentPort?.postMessage(data);

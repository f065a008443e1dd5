/** Trailing metadata of every answer: the request's id, by which the log line of the server is found. */
export const REQUEST_ID_KEY = 'nc-request-id';

/** Trailing metadata of a refusal: its code, one of `ERROR_CODES`. */
export const ERROR_CODE_KEY = 'nc-error-code';

/** Trailing metadata of a refusal: LiteKube's result class, "400" for the caller's fault, "500" for ours. */
export const RESULT_CODE_KEY = 'nc-result-code';

/** Metadata of a request: the revision that the answer must not be older than, decimal. */
export const MIN_REVISION_KEY = 'nc-min-revision';

/** Metadata of a request: "true" for an answer that knows every change that was acknowledged before it was asked. */
export const CONSISTENT_KEY = 'nc-consistent';

/** Metadata of a request: the epoch that its revision belongs to. Trailing metadata of an answer: the cluster's. */
export const EPOCH_KEY = 'nc-epoch';

/** Trailing metadata of an answer: the revision that it is of; after a change, one that has the change. Decimal. */
export const REVISION_KEY = 'nc-revision';

/** Trailing metadata of an answer: by how many milliseconds it may be behind. */
export const STALE_MS_KEY = 'nc-stale-ms';

/** Trailing metadata of every answer: the request's id, by which the log line of the server is found. */
export const REQUEST_ID_KEY = 'nc-request-id';

/** Trailing metadata of a refusal: its code, one of `ERROR_CODES`. */
export const ERROR_CODE_KEY = 'nc-error-code';

/** Trailing metadata of a refusal: LiteKube's result class, "400" for the caller's fault, "500" for ours. */
export const RESULT_CODE_KEY = 'nc-result-code';

/**
 * The four messages of WireGuard as bytes: types, lengths, and where their fields lie.
 *
 * @see https://www.wireguard.com/papers/wireguard.pdf §5.4
 */

/** First octet of a message; the three after it are zero, so a little-endian 32-bit read gives the type. */
export const MESSAGE_TYPE = { initiation: 1, response: 2, cookie: 3, transport: 4 } as const;

/** Lengths in bytes; a transport message has at least its header and an authentication tag. */
export const MESSAGE_LENGTH = { initiation: 148, response: 92, cookie: 64, transportHeader: 16, transportLeast: 32 } as const;

/** The sender's index in an initiation or a response. */
export const SENDER_OFFSET = 4;

/** The receiver's index in a response. */
export const RESPONSE_RECEIVER_OFFSET = 8;

/** The receiver's index in a cookie reply or a transport message. */
export const RECEIVER_OFFSET = 4;

/** Length of a mac1, a mac2 and a cookie. */
export const MAC_LENGTH = 16;

/** No session is used for longer after its handshake (`Reject-After-Time`). @see whitepaper §6.1 */
export const REJECT_AFTER_MS = 180_000;

/** Silence after received data until a keepalive is owed (`Keepalive-Timeout`). @see whitepaper §6.5 */
export const KEEPALIVE_AFTER_MS = 10_000;

/** A session counts at most this many packets; the protocol's own limit is beyond what a number holds exactly. */
export const REJECT_AFTER_MESSAGES = Number.MAX_SAFE_INTEGER;

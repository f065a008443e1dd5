import type { Context } from 'hono';
import { DomainError } from '../../domain/errors.js';
import type { HttpEnv } from './http-app.js';
import { HttpRefusal } from './problem.js';

/** What {@link readBody} takes. */
export interface BodyLimits {
  /** The media type that the body must have. */
  readonly type: string;
  readonly maxBytes: number;
}

/**
 * Reads the body of a request, and no more of it than is allowed.
 *
 * @throws DomainError `message_too_large`; HttpRefusal 415 for another media type, 400 for a client that is gone.
 */
export async function readBody(c: Context<HttpEnv>, { type, maxBytes }: BodyLimits): Promise<Buffer> {
  const given = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (given !== type) throw new HttpRefusal(415, `content-type: want ${type}, got ${JSON.stringify(given ?? '')}`, { accept: type });
  if (Number(c.req.header('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Uint8Array[] = [];
  let octets = 0;
  try {
    for await (const chunk of c.env.incoming as AsyncIterable<Uint8Array>) {
      octets += chunk.length;
      if (octets > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof DomainError) throw error;
    throw new HttpRefusal(400, 'want the whole body; the connection broke before');
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): DomainError {
  return new DomainError('message_too_large', `want a body of at most ${maxBytes} octets`);
}

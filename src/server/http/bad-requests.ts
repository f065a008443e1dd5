import type { Server } from 'node:http';

/** What a request that is no HTTP/1.1 is answered with, by the parser's or the server's code; 400 for all others. */
const STATUS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/**
 * Answers what the parser refuses, and closes the connection once the answer is out: Node.js itself closes at once, and over TLS the answer may
 * still be waiting for the handshake's last records then.
 *
 * @see RFC 9110 §15.5; RFC 6585 §5 for 431
 */
export function answerBadRequests(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return void socket.destroy();
    const status = STATUS[error.code ?? ''] ?? '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
  });
}

import type { ControlSession } from '../../src/client/control-session.js';
import type { HandshakeQueue } from '../../src/server/transport/handshake-queue.js';

/**
 * A session whose connection is made when its turn comes. Each agent would be a machine with a processor of its own; a thousand who share one and
 * shake hands at the same moment would all be too late.
 */
export function inLine(line: HandshakeQueue, session: ControlSession): ControlSession {
  let leave = (): void => {};
  let goOn = (): void => {};
  return {
    ...session,
    async *watch(request) {
      try {
        await new Promise<void>((resolve) => {
          goOn = resolve;
          leave = line.enter(resolve);
        });
        for await (const message of session.watch(request)) {
          leave();
          yield message;
        }
      } finally {
        leave();
      }
    },
    close() {
      session.close();
      goOn();
    },
  };
}

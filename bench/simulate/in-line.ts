import type { ControlSession } from '../../src/client/control-session.js';
import { DomainError } from '../../src/domain/errors.js';
import type { HandshakeQueue } from '../../src/server/transport/handshake-queue.js';

/**
 * A session whose connection is made when its turn comes. Each agent would be a machine with a processor of its own; a thousand who share one and
 * shake hands at the same moment would all be too late.
 */
export function inLine(line: HandshakeQueue, open: () => ControlSession): ControlSession {
  let opened: ControlSession | undefined;
  let isClosed = false;
  let leave = (): void => {};
  let goOn = (): void => {};
  const session = (): ControlSession => {
    if (isClosed) throw new DomainError('unavailable', 'closed before its turn');
    return (opened ??= open());
  };
  return {
    async *watch(request) {
      try {
        await new Promise<void>((resolve) => {
          goOn = resolve;
          leave = line.enter(resolve);
        });
        for await (const message of session().watch(request)) {
          leave();
          yield message;
        }
      } finally {
        leave();
      }
    },
    report: async (request) => session().report(request),
    renew: async (request) => session().renew(request),
    signal: async (signals) => session().signal(signals),
    register: async (service) => session().register(service),
    renewServices: (states, events) => session().renewServices(states, events),
    deregister: async (id) => session().deregister(id),
    close() {
      isClosed = true;
      opened?.close();
      goOn();
    },
  };
}

import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { DomainError } from '../../domain/errors.js';

/**
 * What each direction may queue in the kernel. With its default of about 200 KiB, a burst of a single fast sender is lost
 * before this process wakes up.
 */
export const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Opens a UDP socket. `::` takes IPv4 too, and where the machine has no IPv6 it means `0.0.0.0`.
 *
 * @param host An address of this machine, `0.0.0.0` or `::`.
 * @param port 0 for any free one.
 * @throws DomainError `port_taken`; `config_invalid` when the machine does not have the address.
 */
export async function openUdpSocket(host: string, port: number): Promise<Socket> {
  try {
    return await bind(host, port);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EAFNOSUPPORT' && host === '::') return await openUdpSocket('0.0.0.0', port);
    if (code === 'EADDRINUSE') {
      throw new DomainError('port_taken', `UDP port ${port} of ${host}: want it free, another process has it`, { cause: error });
    }
    throw new DomainError('config_invalid', `UDP ${host} port ${port}: want an address and port to bind, the system says ${code}`, { cause: error });
  }
}

function bind(host: string, port: number): Promise<Socket> {
  const socket = createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
    // Only ever given addresses; the default would put every datagram off to the next tick.
    lookup: (address, _options, callback) => callback(null, address, isIPv6(address) ? 6 : 4),
  });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Closes `socket` and waits until it is closed. */
export function closeUdpSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}

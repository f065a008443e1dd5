import type { LabProcess } from './lab-process.js';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

/** What tcpdump has seen so far on one interface of a lab. */
export class Capture {
  readonly #process: LabProcess;
  readonly #chunks: Buffer[] = [];

  constructor(process: LabProcess) {
    this.#process = process;
    process.child.stdout.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
  }

  /** Whole link-layer frames, oldest first. */
  frames(): Buffer[] {
    const file = Buffer.concat(this.#chunks);
    const frames: Buffer[] = [];
    for (let at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.length; ) {
      const start = at + RECORD_HEADER_BYTES;
      at = start + file.readUInt32LE(at + 8);
      if (at <= file.length) frames.push(file.subarray(start, at));
    }
    return frames;
  }

  /** The payloads of the UDP packets over IPv4 among them. */
  udpPayloads(): Buffer[] {
    return this.frames()
      .filter((frame) => frame.length >= 42 && frame.readUInt16BE(12) === 0x0800 && frame[23] === 17)
      .map((frame) => frame.subarray(14 + (frame[14]! & 0x0f) * 4 + 8));
  }

  /** Lets tcpdump write out what it still holds and end. */
  async stop(): Promise<void> {
    await this.#process.stop('SIGINT');
  }
}

import type { CaGeneration, GetCaStatusResponse } from '../../gen/networkcontroller/v1/admin.js';
import { formatExpiry, formatTime, isoTime } from '../../platform/measures.js';
import type { Colors, Output } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** A CA that ends within this time should be followed by another. */
const RENEW_CA_MS = 365 * 86_400_000;

/** Both CAs, for programs. */
export function caJson(status: GetCaStatusResponse, nowMs: number) {
  return {
    bundleVersion: status.bundleVersion,
    nodes: { seen: status.nodesSeen, known: status.nodesSeen - status.behind.length, behind: status.behind },
    tokensPinnedToOld: status.tokensPinnedToOld,
    generations: status.generations.map((each) => ({
      purpose: each.purpose,
      generation: each.generation,
      state: each.state,
      pin: each.pin,
      createdAt: isoTime(each.createdAtMs),
      activatedAt: isoTime(each.activatedAtMs),
      expiresAt: isoTime(each.expiresAtMs),
      liveCertificates: each.liveCertificates,
      waitsFor: each.waitsFor,
      next: nextStep(each, nowMs),
    })),
  };
}

/** The same for people: the generations, who knows them, and what to do next or to wait for. */
export function caText(output: Output, status: GetCaStatusResponse, nowMs: number): string {
  const table = output.layOut(caColumns(output.colors, nowMs), status.generations);
  return [table, '\n', bundleLine(output.colors, status), ...status.generations.map((each) => stepLines(output.colors, each, nowMs))].join('');
}

/** The command that comes next for a generation, or null when there is none to give. */
function nextStep({ purpose, generation, state, expiresAtMs }: CaGeneration, nowMs: number): string | null {
  if (state === 'prepared') return `ncadm ca activate ${purpose}`;
  if (state === 'passive') return `ncadm ca retire ${purpose} ${generation}`;
  return state === 'active' && expiresAtMs - nowMs < RENEW_CA_MS ? `ncadm ca prepare ${purpose}` : null;
}

function caColumns(colors: Colors, nowMs: number): Column<CaGeneration>[] {
  return [
    { title: 'CA', cell: ({ purpose }) => colors.bold(purpose) },
    { title: 'GENERATION', cell: ({ generation }) => String(generation), align: 'right' },
    { title: 'STATE', cell: ({ state }) => stateText(colors, state) },
    { title: 'IN USE', cell: ({ liveCertificates }) => String(liveCertificates), align: 'right' },
    { title: 'ACTIVE SINCE', cell: ({ activatedAtMs }) => (activatedAtMs === 0 ? '-' : formatTime(activatedAtMs)), yields: 1 },
    { title: 'ENDS', cell: ({ expiresAtMs }) => formatExpiry(expiresAtMs, nowMs) },
    { title: 'PIN', cell: ({ pin }) => pin, yields: 2 },
    { title: 'MADE', cell: ({ createdAtMs }) => formatTime(createdAtMs), wide: true },
  ];
}

function stateText(colors: Colors, state: string): string {
  if (state === 'active') return colors.green(state);
  return state === 'retired' ? colors.dim(state) : colors.yellow(state);
}

function bundleLine(colors: Colors, { bundleVersion, nodesSeen, behind }: GetCaStatusResponse): string {
  return `${colors.bold('trust bundle')} ${bundleVersion}: known to ${nodesSeen - behind.length} of ${nodesSeen} nodes seen in the last 7 days\n`;
}

function stepLines(colors: Colors, ca: CaGeneration, nowMs: number): string {
  const step = nextStep(ca, nowMs);
  if (step === null) return '';
  const head = `${colors.bold(ca.purpose)} ${ca.generation}`;
  if (ca.waitsFor.length === 0) return `${head} next: ${colors.cyan(step)}\n`;
  return ca.waitsFor.map((sentence) => `${head} waits: ${sentence}\n`).join('') + `${head} then: ${colors.cyan(step)}\n`;
}

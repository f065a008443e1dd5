import type { ExplainEnd, ExplainResponse, ExplainStep } from '../../gen/networkcontroller/v1/admin.js';
import { formatAge, isoTime } from '../../platform/measures.js';
import type { Colors, Output } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';
import { nodeSummary, pathWord } from './node-view.js';

/** An explanation for programs. */
export function explainJson({ verdict, says, mend, steps, from, to }: ExplainResponse) {
  return { verdict, says, mend, steps, from: from === undefined ? null : endJson(from), to: to === undefined ? null : endJson(to) };
}

function endJson({ node, nat, endpoints, path, pathEndpoint, pathSinceMs, lastHandshakeMs, rttUs, controllerHandshakeMs }: ExplainEnd) {
  return {
    node: node === undefined ? null : nodeSummary(node),
    nat,
    endpoints,
    path: pathWord(path),
    pathEndpoint,
    pathSince: isoTime(pathSinceMs),
    lastHandshake: isoTime(lastHandshakeMs),
    rttMs: rttUs === 0 ? null : rttUs / 1000,
    lastControllerHandshake: isoTime(controllerHandshakeMs),
  };
}

/** An explanation for people: the verdict, what was looked at, both ends, what to do. */
export function explainText(output: Output, answer: ExplainResponse, nowMs: number): string {
  const { colors } = output;
  const ends = [answer.from, answer.to].filter((end) => end !== undefined);
  const mends = answer.steps.filter(({ mend }) => mend !== '').map(({ says, mend }) => `${colors.yellow('!')} ${says}\n  ${mend}`);
  return [
    `${verdictText(colors, answer.verdict)}  ${answer.says}\n`,
    answer.steps.map(({ result, check, says }) => `${mark(colors, result)} ${check.padEnd(15)} ${says}\n`).join(''),
    ...(ends.length > 0 ? [output.layOut(endColumns(colors, nowMs), ends)] : []),
    ...(mends.length > 0 ? [`${mends.join('\n')}\n`] : []),
  ].join('\n');
}

function endColumns(colors: Colors, nowMs: number): Column<ExplainEnd>[] {
  return [
    { title: 'NODE', cell: ({ node }) => colors.bold(node?.name ?? '-') },
    { title: 'SEEN AT', cell: ({ node }) => node?.endpoint || '-' },
    { title: 'NAT', cell: ({ nat }) => nat },
    { title: 'PATH', cell: ({ path }) => pathWord(path) },
    { title: 'SENDS TO', cell: ({ pathEndpoint }) => pathEndpoint || '-' },
    { title: 'SINCE', cell: ({ pathSinceMs }) => (pathSinceMs === 0 ? '-' : formatAge(pathSinceMs, nowMs)) },
    { title: 'HANDSHAKE', cell: ({ lastHandshakeMs }) => formatAge(lastHandshakeMs, nowMs) },
    { title: 'LATENCY', cell: ({ rttUs }) => (rttUs === 0 ? '-' : `${(rttUs / 1000).toFixed(1)} ms`) },
    { title: 'CONTROLLER HANDSHAKE', cell: ({ controllerHandshakeMs }) => formatAge(controllerHandshakeMs, nowMs), yields: 1 },
    { title: 'SAYS IT IS AT', cell: ({ endpoints }) => endpoints.join(' ') || '-', wide: true },
  ];
}

function verdictText(colors: Colors, verdict: string): string {
  const paint = verdict === 'reachable' ? colors.green : verdict === 'unreachable' ? colors.red : colors.yellow;
  return paint(verdict);
}

function mark(colors: Colors, result: ExplainStep['result']): string {
  return result === 'ok' ? colors.green('✓') : result === 'warn' ? colors.yellow('!') : colors.red('✗');
}

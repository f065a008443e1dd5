import type { Colors } from '../../platform/output.js';
import type { Finding } from '../doctor/finding.js';

/** What the doctor found, for people: a line each, and under what is wrong how it is mended. */
export function doctorText(colors: Colors, findings: readonly Finding[]): string {
  return findings.map(({ check, result, says, mend }) => `${mark(colors, result)} ${check.padEnd(11)} ${says}\n${mend === '' ? '' : `${' '.repeat(14)}${colors.dim('→')} ${mend}\n`}`).join('');
}

function mark(colors: Colors, result: Finding['result']): string {
  return result === 'ok' ? colors.green('✓') : result === 'warn' ? colors.yellow('!') : colors.red('✗');
}

import { describe, expect, it } from 'vitest';
import { DomainError, ERROR_CODES } from '../../src/domain/errors.js';
import { EXIT, exitCodeOf, reportError, type ErrorReport } from '../../src/platform/exit-codes.js';

const JOIN = `ncj1_0123456789abcdef.${'s'.repeat(21)}A.${'p'.repeat(42)}A@ctl.example:6439`;

/** What a report puts on each stream. */
function reported(report: Partial<ErrorReport>): { out: string; err: string } {
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({ write: (text: string) => void (written[name] += text) });
  reportError({ stdout: stream('out'), stderr: stream('err'), env: {} }, { program: 'ncadm', format: 'table', error: new DomainError('token_unknown', 'no token abc'), ...report });
  return written;
}

describe('the exit code of a command', () => {
  it.each(ERROR_CODES)('for %s says whether somebody refused, nobody answered or a file is wrong', (code) => {
    const silent = code === 'unavailable' || code === 'timeout';

    expect(exitCodeOf(new DomainError(code, 'x'))).toBe(silent ? EXIT.unreachable : code === 'config_invalid' ? EXIT.usage : EXIT.refused);
  });

  it.each([new Error('unavailable'), Object.assign(new Error('x'), { code: 'timeout' }), 'unavailable', undefined, null])('for %s, which is no refusal of ours, is never "nobody answered"', (error) => {
    expect(exitCodeOf(error)).toBe(EXIT.refused);
  });

  it('is another one for each ending', () => {
    expect(new Set(Object.values(EXIT)).size).toBe(4);
  });
});

describe('the report of an error', () => {
  it.each(['table', 'wide', 'json', 'yaml'] as const)('as %s shows no secret of a join string that stood in the wrong place', (format) => {
    const { err } = reported({ format, error: new DomainError('invalid_argument', `node: got "${JOIN}"`) });

    expect(err).not.toContain('sssss');
    expect(err).toContain('0123456789abcdef');
  });

  it.each(['table', 'json'] as const)('as %s never goes where results go', (format) => {
    expect(reported({ format }).out).toBe('');
  });

  it('calls a bug of ours internal, and shows what is known of it', () => {
    expect(reported({ error: new TypeError('x is not iterable') }).err).toBe('ncadm: internal: x is not iterable\n');
    expect(reported({ error: 'thrown text' }).err).toBe('ncadm: internal: thrown text\n');
  });

  it('gives people the code, the sentence and the next step', () => {
    expect(reported({ hint: 'see ncadm token list' }).err).toBe('ncadm: token_unknown: no token abc\n  see ncadm token list\n');
  });

  it('gives programs one line of JSON, with a hint only where there is one', () => {
    expect(JSON.parse(reported({ format: 'json' }).err)).toEqual({ error: { code: 'token_unknown', message: 'no token abc' } });
    expect(JSON.parse(reported({ format: 'yaml', hint: 'look' }).err)).toEqual({ error: { code: 'token_unknown', message: 'no token abc', hint: 'look' } });
  });
});

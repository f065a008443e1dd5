import { describe, expect, it } from 'vitest';
import type { CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { DomainError } from '../../src/domain/errors.js';
import { aToken, NOW, ncadm, startController, type Answers } from './support.js';

const JOIN = `ncj1_3f0c9a6be1d24c55.AAAAAAAAAAAAAAAAAAAAAA.${'A'.repeat(43)}@203.0.113.10:6439`;

describe('ncadm token create', () => {
  it.each([
    ['an expiry that is no duration', ['--expire', 'soon'], 'want a duration like 90s'],
    ['an expiry of nothing', ['--expire', '0s'], 'longer than 0'],
    ['an eternal token without the word for it', ['--expire', 'never'], '--unsafe-no-expiry'],
    ['a reusable token for days without the word for it', ['--reusable', '--expire', '25h'], '--unsafe-reusable'],
    ['an eternal reusable token with half the words', ['--reusable', '--expire', 'never', '--unsafe-no-expiry'], '--unsafe-reusable'],
    ['a bound and no bound at once', ['--uses', '3', '--reusable'], 'cannot be used with'],
    ['no uses', ['--uses', '0'], 'whole number from 1'],
    ['a fraction of a use', ['--uses', '1.5'], 'whole number from 1'],
    ['an option that is none', ['--expires', '10m'], '--expires'],
    ['a word too many', ['now'], 'too many arguments'],
  ])('refuses %s and asks nothing', async (_what, words, sentence) => {
    const { socket, requests } = await controllerThatCreates();

    const { exitCode, stdout, stderr } = await ncadm(['--socket', socket, 'token', 'create', ...words]);

    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^ncadm: invalid_argument: /);
    expect(stderr).toContain(sentence);
    expect(requests).toEqual([]);
  });

  it('tells the refusal of the controller, and what to do next', async () => {
    const socket = await startController({
      createToken: () => {
        throw new DomainError('address_taken', '10.66.0.9 belongs to node db');
      },
    });

    const { exitCode, stdout, stderr } = await ncadm(['--socket', socket, 'token', 'create', '--ip', '10.66.0.9']);

    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      'ncadm: address_taken: 10.66.0.9 belongs to node db\n  See who has it: ncadm node list; leave --ip away to get the next free address.\n',
    );
  });

  it('prints nothing on stdout but the join string, so that it pipes', async () => {
    const { socket } = await controllerThatCreates();

    const { exitCode, stdout, stderr } = await ncadm(['--socket', socket, 'token', 'create', '--expire', '10m']);

    expect([exitCode, stdout]).toEqual([0, `${JOIN}\n`]);
    expect(stderr).toContain('can be used once; it expires in 10m (2026-05-12 18:51:11 UTC)');
    expect(stderr).toContain('nc-client join');
    expect(stderr).not.toContain(JOIN);
  });

  it('gives programs id, join, expiresAt and uses, and nothing on stderr', async () => {
    const { socket } = await controllerThatCreates();

    const { stdout, stderr } = await ncadm(['token', 'create', '-o', 'json', '--socket', socket]);

    expect(JSON.parse(stdout)).toEqual({ id: '3f0c9a6be1d24c55', join: JOIN, expiresAt: '2026-05-12T18:51:11.000Z', uses: 1 });
    expect(stderr).toBe('');
  });

  it('asks for ten minutes and one use when nothing is said', async () => {
    const { socket, requests } = await controllerThatCreates();

    await ncadm(['--socket', socket, 'token', 'create']);

    expect(requests).toMatchObject([{ expireMs: 600_000, maxUses: 1, unboundedUses: false }]);
  });

  it('passes on all that binds a token', async () => {
    const { socket, requests } = await controllerThatCreates();
    const words = '--expire 1h30m --uses 20 --label rack --network lab --name db --ip 10.66.0.9 --tag a --tag b --ephemeral --from-cidr 198.51.100.0/24';

    await ncadm(['--socket', socket, 'token', 'create', ...words.split(' ')]);

    expect(requests).toEqual([
      {
        expireMs: 5_400_000,
        maxUses: 20,
        unboundedUses: false,
        label: 'rack',
        network: 'lab',
        nodeName: 'db',
        bindIp: '10.66.0.9',
        labels: ['a', 'b'],
        ephemeral: true,
        fromCidrs: ['198.51.100.0/24'],
      },
    ]);
  });

  it.each([
    [['--reusable'], { expireMs: 600_000, maxUses: 0, unboundedUses: true }],
    [['--expire', 'never', '--unsafe-no-expiry'], { expireMs: -1, maxUses: 1, unboundedUses: false }],
    [['--reusable', '--expire', '7d', '--unsafe-reusable'], { expireMs: 604_800_000, maxUses: 0, unboundedUses: true }],
  ])('makes a wide open token with %j', async (words, wanted) => {
    const { socket, requests } = await controllerThatCreates();

    await ncadm(['--socket', socket, 'token', 'create', ...words]);

    expect(requests).toMatchObject([wanted]);
  });
});

describe('ncadm token list, show, revoke', () => {
  it('lists the tokens of all pages, a line each', async () => {
    const socket = await startController({
      listTokens: ({ pageToken }) =>
        pageToken === '' ? { tokens: [aToken({ maxUses: 0, used: 7 })], nextPageToken: 'two' } : { tokens: [aToken({ id: 'b'.repeat(16), expiresAtMs: 0 })], nextPageToken: '' },
    });

    const { stdout } = await ncadm(['--socket', socket, 'token', 'list', '--no-headers']);

    expect(stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/).slice(0, 4).map((cell) => cell.trim()))).toEqual([
      ['3f0c9a6be1d24c55', 'usable', '7/∞', 'in 10m'],
      ['b'.repeat(16), 'usable', '0/1', 'never'],
    ]);
  });

  it('shows a token without a secret', async () => {
    const socket = await startController({ getToken: ({ id }) => ({ token: aToken({ id, nodeName: 'db' }) }) });

    const { stdout } = await ncadm(['--socket', socket, 'token', 'show', '3f0c9a6be1d24c55', '-o', 'json']);

    expect(JSON.parse(stdout)).toEqual({
      id: '3f0c9a6be1d24c55',
      label: '',
      network: 'default',
      state: 'usable',
      createdAt: '2026-05-12T18:41:11.000Z',
      expiresAt: '2026-05-12T18:51:11.000Z',
      revokedAt: null,
      uses: 1,
      used: 0,
      createdBy: 'local',
      nodeName: 'db',
      bindIp: '',
      labels: [],
      ephemeral: false,
      fromCidrs: [],
    });
  });

  it('says that a token is unknown', async () => {
    const refuse = () => {
      throw new DomainError('token_unknown', 'no token has the id "x"');
    };
    const socket = await startController({ getToken: refuse, revokeToken: refuse });

    const shown = await ncadm(['--socket', socket, 'token', 'show', 'x']);
    const revoked = await ncadm(['--socket', socket, 'token', 'revoke', 'x', '-o', 'json']);

    expect([shown.exitCode, shown.stderr]).toEqual([1, 'ncadm: token_unknown: no token has the id "x"\n  See the tokens: ncadm token list --all.\n']);
    expect(JSON.parse(revoked.stderr)).toMatchObject({ error: { code: 'token_unknown', message: 'no token has the id "x"' } });
  });

  it.each(['', 'n\n', 'yess\n'])('revokes nothing on a terminal when the answer is %j', async (answer) => {
    const revoked: string[] = [];
    const socket = await startController({ revokeToken: ({ id }) => ({ token: aToken({ id: noted(revoked, id) }) }) });

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'token', 'revoke', 'x'], { isTTY: true, stdin: answer });

    expect([exitCode, revoked]).toEqual([1, []]);
    expect(stderr).toContain('not confirmed, nothing was changed');
  });

  it.each([
    ['yes on a terminal', [], { isTTY: true, stdin: 'y\n' }],
    ['--yes on a terminal', ['--yes'], { isTTY: true }],
    ['a script', [], {}],
  ])('revokes with %s', async (_how, words, surroundings) => {
    const revoked: string[] = [];
    const socket = await startController({ revokeToken: ({ id }) => ({ token: aToken({ id: noted(revoked, id) }) }) });

    const { exitCode } = await ncadm(['--socket', socket, 'token', 'revoke', 'x', ...words], surroundings);

    expect([exitCode, revoked]).toEqual([0, ['x']]);
  });
});

describe('ncadm token inspect', () => {
  it.each([
    ['nothing', ''],
    ['a token without pin', 'ncj1_3f0c9a6be1d24c55.AAAAAAAAAAAAAAAAAAAAAA@203.0.113.10:6439'],
    ['another version', JOIN.replace('ncj1', 'ncj2')],
    ['far too much', JOIN.repeat(100)],
  ])('refuses %s and repeats no secret', async (_what, stdin) => {
    const { exitCode, stdout, stderr } = await ncadm(['token', 'inspect'], { stdin });

    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain('ncadm: join_string_invalid: ');
    expect(stderr).not.toContain('AAAAAAAAAAAAAAAAAAAAAA');
  });

  it('shows id, pins and endpoints without asking anybody, and never the secret', async () => {
    const stdin = `${JOIN.replace('.AAAAAAAAAAAAAAAAAAAAAA.', '.BBBBBBBBBBBBBBBBBBBBBA.')},[2001:db8::1]:6439\n`;

    const { exitCode, stdout } = await ncadm(['token', 'inspect', '-o', 'json'], { stdin });

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ id: '3f0c9a6be1d24c55', pins: ['A'.repeat(43)], endpoints: ['203.0.113.10:6439', '[2001:db8::1]:6439'] });
  });
});

async function controllerThatCreates(): Promise<{ socket: string; requests: CreateTokenRequest[] }> {
  const requests: CreateTokenRequest[] = [];
  const createToken: NonNullable<Answers['createToken']> = (request) => {
    requests.push(request);
    return { token: aToken({ expiresAtMs: NOW + request.expireMs, maxUses: request.maxUses }), join: JOIN };
  };
  return { socket: await startController({ createToken }), requests };
}

function noted(list: string[], id: string): string {
  list.push(id);
  return id;
}

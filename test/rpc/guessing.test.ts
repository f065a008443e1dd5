import { expect, it } from 'vitest';
import { ListTokensRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer } from '../support/server.js';

/** The same join string with another secret. */
function guessed(joinString: string): string {
  return joinString.replace(/^(ncj1_[0-9a-f]{16}\.)[^.]+/, `$1${'A'.repeat(22)}`);
}

it('stops looking at the tokens of a source that shows too many false ones, and spends none', async () => {
  const server = await startTestServer({ settings: ['limits: { guessesPerMinute: 2 }'] });
  const joinString = await server.token();

  for (let i = 0; i < 2; i++) await expect(server.join(guessed(joinString))).rejects.toMatchObject({ code: 'token_invalid' });

  await expect(server.join(guessed(joinString))).rejects.toMatchObject({ code: 'rate_limited' });
  await expect(server.join(joinString)).rejects.toMatchObject({ code: 'rate_limited' });
  const { tokens } = await callUnary(server.admin, 'listTokens', ListTokensRequest.fromPartial({ all: true }));
  expect(tokens.map(({ used, state }) => ({ used, state }))).toEqual([{ used: 0, state: 'usable' }]);
});

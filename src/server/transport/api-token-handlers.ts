import type { AdminServiceService, ApiToken } from '../../gen/networkcontroller/v1/admin.js';
import type { ApiTokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { ApiTokens } from '../services/api-tokens.js';
import type { HandlersOf } from './handler.js';

type Methods = 'createApiToken' | 'listApiTokens' | 'revokeApiToken';

/** The tokens with which programs ask over HTTPS. */
export function apiTokenHandlers({ apiTokens }: { readonly apiTokens: ApiTokens }): Pick<HandlersOf<typeof AdminServiceService>, Methods> {
  return {
    createApiToken: async (request, caller) => {
      const { record, text } = await apiTokens.create(request, caller);
      return { token: messageOf(record), text };
    },
    listApiTokens: async () => ({ tokens: apiTokens.list().map(messageOf) }),
    revokeApiToken: async ({ id }, caller) => ({ token: messageOf(await apiTokens.revoke(id, caller)) }),
  };
}

function messageOf({ secretHash: _secretHash, ...shown }: ApiTokenRecord): ApiToken {
  return shown;
}

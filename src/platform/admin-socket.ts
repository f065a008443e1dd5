import { AdminServiceClient, CreateTokenRequest } from '../gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from './rpc-client.js';

/** What a join string shall allow; whatever is left out is the controller's default. */
export type JoinStringOptions = Parameters<typeof CreateTokenRequest.fromPartial>[0];

/**
 * Asks a controller on this machine for a join string, for programs that embed one; people type `ncadm token create`.
 *
 * @param adminSocket Path of its admin socket, whose file mode is the authentication.
 * @throws DomainError the controller's refusal; `unavailable` when none listens there.
 */
export async function createJoinString(adminSocket: string, options: JoinStringOptions = {}): Promise<string> {
  const admin = connect(AdminServiceClient, { socketPath: adminSocket });
  try {
    const { join } = await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial(options));
    return join;
  } finally {
    admin.close();
  }
}

import { status, type ServerInterceptor } from '@grpc/grpc-js';
import { DomainError } from '../../domain/errors.js';
import { ERROR_CODE_KEY } from '../../platform/rpc-metadata.js';
import { CallRecord, type CallContext } from './call-record.js';

/**
 * Notices the calls that gRPC itself refuses because a message is longer than the listener takes: no handler ever hears of
 * them, and they belong in the log, the audit and the figures like any refusal.
 *
 * gRPC ends such a call through the innermost interceptor's own `sendStatus`; what ends a call of ours carries our code.
 */
export function noticeOversize(context: CallContext): ServerInterceptor {
  return ({ path }, call) => {
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (ending) => {
      const isOurs = (ending.metadata?.get(ERROR_CODE_KEY).length ?? 0) > 0;
      if (ending.code === status.RESOURCE_EXHAUSTED && !isOurs) {
        const record = new CallRecord(context, { getPath: () => path, getPeer: () => call.getPeer(), getAuthContext: () => call.getAuthContext() }, 'unary');
        record.ended(new DomainError('message_too_large', ending.details ?? 'message longer than the listener takes'));
      }
      sendStatus(ending);
    };
    return call as ReturnType<ServerInterceptor>;
  };
}

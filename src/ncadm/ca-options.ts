import { Argument } from 'commander';
import { DomainError } from '../domain/errors.js';
import type { GetCaStatusResponse } from '../gen/networkcontroller/v1/admin.js';
import type { RemoteInvocation } from './session.js';
import { caJson, caText } from './views/ca-view.js';

/** The options of a step that may cut nodes off. */
export interface CaStepOptions {
  readonly compromised?: boolean;
  readonly yes?: boolean;
}

/** Which of the two CAs a command is about. */
export function caArgument(): Argument {
  return new Argument('<ca>', 'grpc signs for calls, network signs who has which address').choices(['grpc', 'network']);
}

/** Says what a step has done, and how both CAs stand now. */
export function printStep({ output, nowMs }: RemoteInvocation<object>, status: GetCaStatusResponse | undefined, sentence: string): void {
  if (status === undefined) throw new DomainError('internal', 'the controller took the step and did not say how its CAs stand');
  output.result(caJson(status, nowMs), () => `${sentence}\n\n${caText(output, status, nowMs)}`);
}

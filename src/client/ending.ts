import type { DomainError } from '../domain/errors.js';

/** How an agent's life ends: asked to, or refused by the controller for good. */
export class Ending {
  #refusal: DomainError | undefined;
  #onRefusal: (refusal: DomainError) => void = () => {};
  #settle: (refusal: DomainError | undefined) => void = () => {};
  /** Resolves at the end, with the refusal if there was one. */
  readonly ended = new Promise<DomainError | undefined>((resolve) => {
    this.#settle = resolve;
  });

  /** Why the controller will not take the node back, once it has said so. */
  get refusal(): DomainError | undefined {
    return this.#refusal;
  }

  onRefusal(listener: (refusal: DomainError) => void): void {
    this.#onRefusal = listener;
  }

  /** The controller will not take this node back. */
  refuse(refusal: DomainError): void {
    this.#refusal = refusal;
    this.#onRefusal(refusal);
  }

  /** Everything has been stopped. */
  done(): void {
    this.#settle(this.#refusal);
  }
}

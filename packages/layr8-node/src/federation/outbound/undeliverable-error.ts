import { ParleyError, type ParleyErrorOptions } from "@parley/core";
import type { DeliveryFailureCode } from "./outbound.ts";

/** A message can't be delivered, as far as can be seen now. */
export class UndeliverableError extends ParleyError<DeliveryFailureCode> {
  override readonly name: string = "UndeliverableError";
  /** Whether what it follows from may be out of date, so that a second look is worth it. */
  readonly lookAgain: boolean;

  constructor(
    code: DeliveryFailureCode,
    message: string,
    options: Pick<ParleyErrorOptions, "cause"> & { readonly lookAgain?: boolean } = {},
  ) {
    super(code, message, options);
    this.lookAgain = options.lookAgain ?? false;
  }
}

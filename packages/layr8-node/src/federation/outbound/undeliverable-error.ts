import { ParleyError, type ParleyErrorOptions } from "@parley/core";
import type { DeliveryFailureCode } from "./outbound.ts";

/** A message can't be delivered by current knowledge. */
export class UndeliverableError extends ParleyError<DeliveryFailureCode> {
  override readonly name: string = "UndeliverableError";
  /** Whether that knowledge may be out of date, so that a second resolution may help. */
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

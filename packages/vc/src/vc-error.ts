import { ParleyError, type ParleyErrorOptions } from "@parley/core";

export type VcErrorCode = string;

/** Why a credential or a presentation was refused. */
export class VcError extends ParleyError<VcErrorCode> {
  override readonly name: string = "VcError";

  constructor(code: VcErrorCode, message: string, options: ParleyErrorOptions = {}) {
    super(code, message, options);
  }
}

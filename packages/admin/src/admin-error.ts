/** A call of the admin server that can't be answered. Its message is shown. */
export class AdminError extends Error {
  override readonly name: string = "AdminError";
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

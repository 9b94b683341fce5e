/** What `parley audit export` prints. */
export interface AuditExportOutput {
  readonly did: string;
  readonly file: string;
  readonly bytes: number;
}

/** What `parley audit head` prints. */
export interface AuditHeadOutput {
  readonly did: string;
  /** Number of the last entry. */
  readonly entries: number;
  /** A compact JWS. */
  readonly head: string;
}

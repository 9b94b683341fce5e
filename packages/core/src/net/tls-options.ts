/** The TLS options of Node (`tls.connect`) that make sense for one host. */
export interface TlsOptions {
  /** Authorities to trust instead of Node's own, in PEM. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** The client's certificate, in PEM. */
  readonly cert?: string | Uint8Array;
  /** The key of the client's certificate, in PEM. */
  readonly key?: string | Uint8Array;
  /** Passphrase of the key. */
  readonly passphrase?: string;
  /** Name that the server's certificate must have, instead of the host's. */
  readonly servername?: string;
  /** `false` accepts any certificate. Only for tests. */
  readonly rejectUnauthorized?: boolean;
}

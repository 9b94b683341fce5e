/** Where issuers are found that have no public https address. */
export interface DevelopmentOptions {
  /** Ask `localhost` and names below it, over plain http. Default `false`. */
  readonly loopback?: boolean;
  /** Where to connect for a host, as in `didWebMethod`: `{ "alice-test.localhost": "http://127.0.0.1:4000" }`. Default: none. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Certificate authorities to trust instead of Node's own, in PEM. */
  readonly ca?: string | readonly string[];
}

/** A subscription, as the console shows it. */
export interface DescribedReader {
  readonly accountId: string;
  /** The sequence that it gets next. */
  readonly next: number;
}

/** Closes what was opened, the last first. Node 20 has no `AsyncDisposableStack`. */
export class Opened implements AsyncDisposable {
  readonly #opened: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#opened.toReversed()) await one[Symbol.asyncDispose]();
  }
}

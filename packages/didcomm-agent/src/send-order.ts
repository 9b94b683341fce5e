/** Keeps messages in the order of their calls while some of them are not ready. While none waits, a ready one costs nothing. */
export class SendOrder {
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Calls `send` with a message once it is ready, after all earlier calls. `send` writes before it returns; its promise is not waited for. */
  pass<M extends object, T>(ready: M | Promise<M>, send: (message: M) => Promise<T>): Promise<T> {
    if (!(ready instanceof Promise) && this.#waiting === 0) return send(ready);
    this.#waiting++;
    const turn = Promise.allSettled([ready, this.#last]).then(([message]) => {
      if (message.status === "rejected") throw message.reason;
      return { sent: send(message.value) };
    });
    const left = (): void => void this.#waiting--;
    this.#last = turn.then(left, left);
    return turn.then(({ sent }) => sent);
  }
}

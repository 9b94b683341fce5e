/** Publishes `count` messages, up to `window` of them at the same time. */
export async function publishWindow(count: number, window: number, publish: () => Promise<unknown>): Promise<void> {
  let sent = 0;
  const lane = async (): Promise<void> => {
    while (sent++ < count) await publish();
  };
  await Promise.all(Array.from({ length: window }, lane));
}

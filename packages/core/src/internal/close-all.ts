/**
 * Runs every step in order, even after one has failed, and then throws the first error. Every `close()` uses it, so that a step that fails
 * does not keep later ones from freeing locks and descriptors.
 */
export async function closeAll(...steps: readonly (() => unknown)[]): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
}

/** {@link closeAll} with all steps side by side. */
export async function closeTogether(...steps: readonly (() => unknown)[]): Promise<void> {
  const closing = steps.map(async (step) => step());
  await Promise.allSettled(closing);
  await Promise.all(closing);
}

/** {@link closeAll} after another error, which the caller throws: errors of the steps are dropped, since that one came first. */
export async function closeQuietly(...steps: readonly (() => unknown)[]): Promise<void> {
  await closeAll(...steps).catch(() => undefined);
}

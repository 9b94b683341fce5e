/** Calls a function of the application. @param onFailure receives the error that it throws, or rejects with. */
export function callListener<T>(listener: (value: T) => unknown, value: T, onFailure: (error: unknown) => void): void {
  try {
    Promise.resolve(listener(value)).catch(onFailure);
  } catch (error) {
    onFailure(error);
  }
}

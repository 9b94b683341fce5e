/** Calls a function of the application. What it throws, or rejects with, goes to `onFailure`. */
export function callListener<T>(listener: (value: T) => unknown, value: T, onFailure: (error: unknown) => void): void {
  try {
    Promise.resolve(listener(value)).catch(onFailure);
  } catch (error) {
    onFailure(error);
  }
}

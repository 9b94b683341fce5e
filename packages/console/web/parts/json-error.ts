/** Why a text is not a JSON object; `undefined` for an object and for an empty text. */
export function jsonError(text: string): string | undefined {
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? undefined : "The body must be a JSON object";
  } catch (error) {
    return error instanceof Error ? error.message : "The body is not JSON";
  }
}

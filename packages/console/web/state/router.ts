import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { token } from "./token.ts";

/** A place in the console: the screen, what it is about, and its settings. */
export interface Place {
  readonly screen: string;
  /** Decoded; empty if the screen is about everything. */
  readonly subject: string;
  readonly settings: URLSearchParams;
}

const hash = signal("");
// `token.ts` removes the token from the address.
effect(() => {
  hash.value = token.value === "" && location.hash.startsWith("#token=") ? "" : location.hash;
});
addEventListener("hashchange", () => {
  const [, given = ""] = /^#token=([^&]+)/.exec(location.hash) ?? [];
  // An address with another token was opened in the same tab.
  if (given !== "") location.reload();
  else hash.value = location.hash;
});

/** The place that the address names. */
export const place: ReadonlySignal<Place> = computed(() => readPlace(hash.value));

function readPlace(text: string): Place {
  const [path = "", query = ""] = text.replace(/^#\/?/, "").split("?");
  const [screen = "", subject = ""] = path.split("/");
  return { screen: screen === "" ? "overview" : screen, subject: decode(subject), settings: new URLSearchParams(query) };
}

/** A link that was cut off by its transport can end within an escape. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a place. */
export function linkTo(screen: string, subject = "", settings: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(Object.entries(settings).filter(([, value]) => value !== "")).toString();
  return `#/${screen}${subject === "" ? "" : `/${encodeURIComponent(subject)}`}${query === "" ? "" : `?${query}`}`;
}

export function goTo(screen: string, subject = "", settings: Readonly<Record<string, string>> = {}): void {
  location.hash = linkTo(screen, subject, settings);
}

/** Changes a setting of the present place, without a step in the history. */
export function setSetting(name: string, value: string): void {
  const { screen, subject, settings } = place.peek();
  const changed = { ...Object.fromEntries(settings), [name]: value };
  history.replaceState(null, "", linkTo(screen, subject, changed));
  hash.value = location.hash;
}

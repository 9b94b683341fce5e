import { type Signal, signal } from "@preact/signals";

const STORED = "parley-token";

/** The token of the server; empty if the user must enter it. Evaluated before the router reads the address. */
export const token: Signal<string> = signal(takeToken());

/** Takes the token from the address, which keeps it out of the history, and keeps it for reloads of this tab. */
function takeToken(): string {
  const [, given = ""] = /^#token=([^&]+)/.exec(location.hash) ?? [];
  if (given !== "") {
    history.replaceState(null, "", `${location.pathname}#/`);
    store(given);
    return given;
  }
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}

function store(value: string): void {
  try {
    sessionStorage.setItem(STORED, value);
  } catch {
    // The page works without storage; a reload asks for the token.
  }
}

/** Uses a token, or the one in an address. */
export function setToken(text: string): void {
  const [, given = text.trim()] = /#token=(\S+)/.exec(text) ?? [];
  store(given);
  token.value = given;
}

import { effect, type Signal, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const STORED = "parley-theme";

/** The colours that were chosen. */
export const theme: Signal<Theme> = signal(readTheme());

function readTheme(): Theme {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

effect(() => {
  document.documentElement.style.colorScheme = theme.value === "system" ? "light dark" : theme.value;
  try {
    localStorage.setItem(STORED, theme.value);
  } catch {
    // The choice then holds until a reload.
  }
});

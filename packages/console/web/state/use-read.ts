import { useEffect, useState } from "preact/hooks";
import { call, CallError } from "./api.ts";
import { session } from "./session.ts";
import { token } from "./token.ts";

/** The state of a question to the server. */
export interface Answer<T> {
  /** The latest answer; kept while the server is away. */
  readonly value: T | undefined;
  readonly error: string | undefined;
  /** Asks again now. */
  readonly reload: () => void;
}

/** Asks now, and every few seconds while the page is visible. An empty path asks nothing. */
export function useRead<T>(path: string, intervalMs = 2000): Answer<T> {
  const [answer, setAnswer] = useState<{ path: string; value?: T | undefined; error?: string | undefined }>({ path });
  const [count, setCount] = useState(0);
  const opened = session.value;
  const secret = token.value;
  useEffect(() => {
    if (path === "") return undefined;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        if (document.visibilityState === "visible") {
          const value = await call<T>(path);
          if (!isOver) setAnswer({ path, value });
        }
      } catch (error) {
        const reason = error instanceof CallError || error instanceof Error ? error.message : "failed";
        if (!isOver) setAnswer((before) => ({ path, value: before.path === path ? before.value : undefined, error: reason }));
      }
      if (!isOver && opened === undefined) timer = setTimeout(() => void ask(), intervalMs);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [path, intervalMs, count, opened, secret]);
  const isCurrent = answer.path === path;
  return {
    value: isCurrent ? answer.value : undefined,
    error: isCurrent ? answer.error : undefined,
    reload: () => setCount((before) => before + 1),
  };
}

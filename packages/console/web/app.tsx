import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { AdminInfo } from "@parley/admin";
import { Problem } from "./parts/basics.tsx";
import { toneOf } from "./parts/format.ts";
import { Palette } from "./parts/palette.tsx";
import { Shortcuts } from "./parts/shortcuts.tsx";
import { SCREENS } from "./screens/all.ts";
import { SessionsScreen } from "./screens/sessions.tsx";
import { useAccounts } from "./state/accounts.ts";
import { call, connection, info, useToken } from "./state/api.ts";
import { follow, isGap, rows } from "./state/live.ts";
import { goTo, linkTo, place } from "./state/router.ts";
import { session } from "./state/session.ts";
import { type Theme, theme } from "./state/theme.ts";
import { token } from "./state/token.ts";

const INFO_MS = 5000;
const ANNOUNCE_MS = 2000;

export function App(): JSX.Element {
  const [dialog, setDialog] = useState<"palette" | "shortcuts">();
  useInfo();
  useAccounts();
  useStream();
  useKeys(setDialog);
  const { screen } = place.value;
  const isAsking = session.value === undefined && (token.value === "" || connection.value === "refused");
  const isLost = session.value === undefined && connection.value === "lost";
  const found = Object.hasOwn(SCREENS, screen) ? SCREENS[screen] : undefined;
  const Content = found?.content;
  useTitle(found?.title);
  if (isAsking && screen !== "sessions") return <Login />;
  return (
    <div class="app">
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Navigation onPalette={() => setDialog("palette")} onShortcuts={() => setDialog("shortcuts")} />
      <main id="main" tabIndex={-1}>
        {session.value !== undefined && (
          <p class="notice warning" role="status">
            This is the saved session {session.value.name}. <a href={linkTo("sessions")}>Close it</a>
          </p>
        )}
        {isLost && <Problem text="The server does not answer. The page tries again; what it shows may be old." />}
        {info.value === undefined && !isAsking && !isLost && <p class="empty">Connecting…</p>}
        {isAsking && <SessionsScreen />}
        {info.value !== undefined &&
          !isAsking &&
          (Content === undefined || found?.isThere() === false ? <Missing screen={screen} /> : <Content />)}
      </main>
      {dialog === "palette" && <Palette onClose={() => setDialog(undefined)} />}
      {dialog === "shortcuts" && <Shortcuts onClose={() => setDialog(undefined)} />}
      <Announcer />
    </div>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#main")?.focus();
}

function Missing({ screen }: { screen: string }): JSX.Element {
  return (
    <>
      <h1>There is no {screen}</h1>
      <p>
        The servers of this console do not have it. <a href={linkTo("overview")}>Go to the overview</a>
      </p>
    </>
  );
}

/** The sections of the menu. */
const SECTIONS: readonly (readonly [title: string, screens: readonly string[]])[] = [
  ["All", ["overview", "messages", "problems"]],
  ["Node", ["agents", "passage", "federation", "credentials"]],
  ["Skytale", ["channels", "invites", "members", "unread", "bridges"]],
  ["Operate", ["limits", "keys", "maintenance", "try", "doctor", "sessions"]],
];
/** Screens that belong to another one in the menu. */
const PARENTS: Readonly<Record<string, string>> = { agent: "agents", thread: "messages", channel: "channels" };

function Navigation({ onPalette, onShortcuts }: { onPalette: () => void; onShortcuts: () => void }): JSX.Element {
  const current = PARENTS[place.value.screen] ?? place.value.screen;
  const nav = useRef<HTMLElement>(null);
  // In a narrow window the menu is a row that scrolls.
  useEffect(() => nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [current]);
  return (
    <nav ref={nav} aria-label="Screens">
      <p class="brand">Parley console</p>
      <button type="button" class="search" onClick={onPalette}>
        Go to… <kbd class="wide-only">Ctrl K</kbd>
      </button>
      {SECTIONS.map(([title, names]) => {
        const there = names.filter((name) => SCREENS[name]?.isThere() === true);
        if (there.length === 0) return null;
        return (
          <section key={title}>
            <h2 id={`section-${title}`}>{title}</h2>
            <ul aria-labelledby={`section-${title}`}>
              {there.map((name) => (
                <li key={name}>
                  <a href={linkTo(name)} aria-current={name === current ? "page" : undefined}>
                    {SCREENS[name]?.title}
                  </a>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
      <div class="nav-foot">
        <label>
          Colours
          <select value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
            <option value="system">as the system</option>
            <option value="light">light</option>
            <option value="dark">dark</option>
          </select>
        </label>
        <button type="button" class="link" onClick={onShortcuts}>
          Keys <kbd>?</kbd>
        </button>
        <p class="faint">
          {session.value !== undefined ? "saved session" : info.value?.actions === true ? "can change the servers" : "reads only"}
        </p>
      </div>
    </nav>
  );
}

function Login(): JSX.Element {
  const [text, setText] = useState("");
  return (
    <main class="login" id="main">
      <h1>Parley console</h1>
      {connection.value === "refused" && (
        <Problem text="The server refuses this token. It makes a new one at each start, unless one is set." />
      )}
      <p>
        Open the address that the server printed; it has the token. It is in the line that begins with <code>Console:</code> or{" "}
        <code>LAYR8_ADMIN_URL</code> or <code>SKYTALE_ADMIN_URL</code>.
      </p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          useToken(text);
        }}
      >
        <label class="field">
          Token or address
          <input type="password" autocomplete="off" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={text === ""}>
          Open
        </button>
      </form>
      <p>
        <a href={linkTo("sessions")}>Open a saved session instead</a>
      </p>
    </main>
  );
}

/** Asks which servers there are. */
function useInfo(): void {
  const secret = token.value;
  const opened = session.value;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const ask = async (): Promise<void> => {
      if (secret !== "" || opened !== undefined) {
        const found = await call<AdminInfo>("info").catch(() => undefined);
        if (found !== undefined && !isOver && JSON.stringify({ ...found, now: 0 }) !== JSON.stringify({ ...info.peek(), now: 0 }))
          info.value = found;
      }
      if (!isOver && opened === undefined) timer = setTimeout(() => void ask(), INFO_MS);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [secret, opened]);
}

/** One stream for all screens: browsers open few connections to one server. */
function useStream(): void {
  const { screen, settings } = place.value;
  const wantsEvents = screen === "messages";
  const filter = wantsEvents ? (settings.get("filter") ?? "") : "";
  const isOpen = token.value !== "" || session.value !== undefined;
  const opened = session.value;
  useEffect(() => {
    if (!isOpen) return undefined;
    const controller = new AbortController();
    void follow(filter, wantsEvents, controller.signal);
    return () => controller.abort();
  }, [filter, wantsEvents, isOpen, opened]);
}

function useKeys(open: (dialog: "palette" | "shortcuts") => void): void {
  const isAfterG = useRef(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        return open("palette");
      }
      const { target } = event;
      const isTyping = target instanceof HTMLElement && (target.matches("input, textarea, select") || target.closest("dialog") !== null);
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return undefined;
      if (isAfterG.current) {
        isAfterG.current = false;
        const [name] = Object.entries(SCREENS).find(([, { key, isThere }]) => key === event.key && isThere()) ?? [];
        if (name !== undefined) goTo(name);
      } else if (event.key === "g") {
        isAfterG.current = true;
        setTimeout(() => (isAfterG.current = false), 1500);
      } else if (event.key === "?") {
        open("shortcuts");
      } else if (event.key === "/") {
        event.preventDefault();
        document.querySelector<HTMLInputElement>("main input:not([type=file])")?.focus();
      }
      return undefined;
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [open]);
}

function useTitle(title: string | undefined): void {
  const { screen, subject } = place.value;
  const isFirst = useRef(true);
  // Before the browser paints, so that the first key pressed on the new screen belongs to it.
  useLayoutEffect(() => {
    document.title = `${title ?? "Missing"}${subject === "" ? "" : ` ${subject}`} · Parley console`;
    // A new screen begins at its title, for the keyboard and for screen readers.
    if (!isFirst.current) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
    if (!isFirst.current) document.querySelector("main")?.scrollTo(0, 0);
    isFirst.current = false;
  }, [screen, subject, title]);
}

/** Speaks at most once in two seconds, however much happens. */
function Announcer(): JSX.Element {
  const [text, setText] = useState("");
  const seen = useRef(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (place.peek().screen !== "messages") return;
      const fresh = rows.peek().filter((row) => row.seq > seen.current);
      seen.current = rows.peek()[0]?.seq ?? seen.current;
      if (fresh.length === 0) return;
      const failed = fresh.filter((row) => !isGap(row) && toneOf(row) === "bad").length;
      setText(`${fresh.length} new events${failed > 0 ? `, ${failed} failed` : ""}`);
    }, ANNOUNCE_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="visually-hidden" aria-live="polite">
      {text}
    </p>
  );
}

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { SCREENS } from "../screens/all.ts";
import type { AgentRow } from "../screens/agents.tsx";
import type { ChannelRow } from "../screens/channels.tsx";
import { call, canRead, readPath } from "../state/api.ts";
import { goTo } from "../state/router.ts";

interface Entry {
  readonly text: string;
  readonly kind: string;
  readonly go: () => void;
}

const MAX_SHOWN = 12;

/** The command palette: goes to screens, agents, channels, threads and filters by a few letters. */
export function Palette({ onClose }: { onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const [{ of, found }, setFound] = useState<{ readonly of: string; readonly found: readonly Entry[] }>({ of: "", found: [] });
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    let isOver = false;
    void entriesOf(text).then((entries) => !isOver && setFound({ of: text, found: entries }));
    return () => {
      isOver = true;
    };
  }, [text]);
  const pick = (entry: Entry | undefined): void => {
    dialog.current?.close();
    entry?.go();
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setChosen((chosen + step + found.length) % Math.max(1, found.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      // The list may still be that of an earlier text.
      if (of === text) pick(found[chosen]);
      else void entriesOf(text).then(([first]) => pick(first));
    }
  };
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Go to"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <input
        role="combobox"
        aria-label="Screen, agent, channel, id or DID"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found[chosen] === undefined ? "" : `palette-${chosen}`}
        placeholder="Screen, agent, channel, id or DID"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKey}
      />
      <ul id="palette-list" role="listbox" aria-label="Places">
        {found.map((entry, index) => (
          <li
            key={`${entry.kind} ${entry.text}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            onClick={() => pick(entry)}
            onPointerMove={() => setChosen(index)}
          >
            <span>{entry.text}</span> <span class="faint">{entry.kind}</span>
          </li>
        ))}
      </ul>
    </dialog>
  );
}

async function entriesOf(text: string): Promise<readonly Entry[]> {
  const q = text.trim();
  const matches = (name: string): boolean => name.toLowerCase().includes(q.toLowerCase());
  const screens = Object.entries(SCREENS)
    .filter(([, { title, key, isThere }]) => key !== undefined && isThere() && matches(title))
    .map(([name, { title }]) => ({ text: title, kind: "screen", go: () => goTo(name) }));
  if (q === "") return screens.slice(0, MAX_SHOWN);
  const none = { agents: [] as readonly AgentRow[], channels: [] as readonly ChannelRow[] };
  const [{ agents }, { channels }] = await Promise.all([
    canRead("node", "agents") ? call<typeof none>(readPath("node", "agents", { q })).catch(() => none) : none,
    canRead("skytale", "channels") ? call<typeof none>(readPath("skytale", "channels", { q })).catch(() => none) : none,
  ]);
  const entries: Entry[] = [
    ...screens,
    ...agents.filter(({ did }) => matches(did)).map(({ did }) => ({ text: did, kind: "agent", go: () => goTo("agent", did) })),
    ...channels.filter(({ name }) => matches(name)).map(({ name }) => ({ text: name, kind: "channel", go: () => goTo("channel", name) })),
  ].slice(0, MAX_SHOWN - 2);
  entries.push({ text: q, kind: "messages with this", go: () => goTo("messages", "", { filter: q }) });
  if (!q.includes(" ")) entries.push({ text: q, kind: "thread or message id", go: () => goTo("thread", q) });
  return entries;
}

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Empty, Heading, Problem, Table } from "../parts/basics.tsx";
import { plural } from "../parts/format.ts";
import { info } from "../state/api.ts";
import { type Difference, differencesOf } from "../state/diff.ts";
import { readSession, type Session, session } from "../state/session.ts";
import { saveSession, takeAnswers } from "../state/snapshot.ts";

/** How was it, and what has changed since? */
export function SessionsScreen(): JSX.Element {
  const [error, setError] = useState("");
  const [isSaving, setSaving] = useState(false);
  const opened = session.value;
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setError("");
    try {
      await work();
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : "failed");
    }
  };
  const save = (): Promise<void> =>
    attempt(async () => {
      setSaving(true);
      saveSession(await takeAnswers().finally(() => setSaving(false)));
    });
  return (
    <>
      <Heading title="Sessions" question="How was it, and what has changed since?" />
      {error !== "" && <Problem text={error} />}
      <section class="card">
        <h2>Save</h2>
        <p>
          Saves all that the console shows now as a file, without bodies of messages and without keys, for a bug report or to compare later.
        </p>
        <button type="button" disabled={isSaving || opened !== undefined || info.value === undefined} onClick={() => void save()}>
          {isSaving ? "Saving…" : "Save this session"}
        </button>
      </section>
      <section class="card">
        <h2>Open</h2>
        {opened === undefined ? (
          <>
            <p>Shows a saved session in all screens. It needs no server.</p>
            <FileField
              label="Session to open"
              onFile={(file) => void attempt(async () => (session.value = await readFile(file)) && undefined)}
            />
          </>
        ) : (
          <>
            <p>
              {opened.name}, saved {new Date(opened.savedAt).toLocaleString("en-GB")}
            </p>
            <button type="button" onClick={() => (session.value = undefined)}>
              Close the session
            </button>
          </>
        )}
      </section>
      <Compare onError={(work) => void attempt(work)} />
    </>
  );
}

function Compare({ onError }: { onError: (work: () => Promise<void>) => void }): JSX.Element {
  const [before, setBefore] = useState<Session>();
  const [after, setAfter] = useState<Session>();
  const [found, setFound] = useState<readonly Difference[]>();
  const compare = (): void =>
    onError(async () => {
      if (before !== undefined) setFound(differencesOf(before.answers, after?.answers ?? (await takeAnswers())));
    });
  return (
    <section class="card">
      <h2>Compare</h2>
      <div class="form">
        <FileField label="Before" onFile={(file) => onError(async () => setBefore(await readFile(file)))} />
        <FileField label="After (without a file: now)" onFile={(file) => onError(async () => setAfter(await readFile(file)))} />
        <button type="button" disabled={before === undefined} onClick={compare}>
          Compare
        </button>
      </div>
      {found?.length === 0 && <Empty>Nothing differs.</Empty>}
      {found !== undefined && found.length > 0 && (
        <Table
          caption={plural(found.length, "difference")}
          rows={found}
          keyOf={({ where, member }) => `${where} ${member}`}
          columns={[
            { name: "Where", cell: ({ where }) => where },
            { name: "Member", cell: ({ member }) => <code>{member}</code> },
            { name: "Before", cell: (row) => row.before },
            { name: "After", cell: (row) => row.after },
          ]}
        />
      )}
    </section>
  );
}

function FileField({ label, onFile }: { label: string; onFile: (file: File) => void }): JSX.Element {
  return (
    <label class="field">
      {label}
      <input
        type="file"
        accept=".jsonl"
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file !== undefined) onFile(file);
        }}
      />
    </label>
  );
}

async function readFile(file: File): Promise<Session> {
  return readSession(file.name, await file.text());
}

import { type ComponentChildren, Fragment, type JSX } from "preact";
import { useState } from "preact/hooks";
import { accountName, accountTitle } from "../state/accounts.ts";
import { linkTo } from "../state/router.ts";
import { copyText, shortDid, shorten, type Tone } from "./format.ts";

const SHAPES: Readonly<Record<Tone, string>> = { good: "●", warning: "▲", bad: "■", plain: "○" };

/** A state as text, with a shape and a colour. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }): JSX.Element {
  return (
    <span class={`badge ${tone}`}>
      <span aria-hidden="true">{SHAPES[tone]}</span> {children}
    </span>
  );
}

/** A screen's title and its question. */
export function Heading({ title, question, children }: { title: string; question: string; children?: ComponentChildren }): JSX.Element {
  return (
    <header class="heading">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        <p class="question">{question}</p>
      </div>
      {children !== undefined && <div class="tools">{children}</div>}
    </header>
  );
}

/** A link to an agent. */
export function Did({ did, length = 44, isDense = false }: { did: string | undefined; length?: number; isDense?: boolean }): JSX.Element {
  if (did === undefined || did === "") return <span class="faint">none</span>;
  return (
    <a class={isDense ? "mono dense" : "mono"} href={linkTo("agent", did)} title={did}>
      {isDense ? <bdi>{shortDid(did)}</bdi> : shorten(did, length)}
    </a>
  );
}

/** An account of the skytale server. */
export function Account({ id }: { id: string }): JSX.Element {
  return <span title={accountTitle(id)}>{accountName(id)}</span>;
}

/** A URL, which is broken at its slashes if it is too long. */
export function Address({ text }: { text: string }): JSX.Element {
  return (
    <code>
      {text.split(/(?<=\w\/)/).map((part, index) => (
        <Fragment key={`${index} ${part}`}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </code>
  );
}

/** A button that copies a text. */
export function Copy({ text, label = "Copy" }: { text: string | (() => string); label?: string }): JSX.Element {
  const [state, setState] = useState("");
  const copy = async (): Promise<void> => {
    setState((await copyText(typeof text === "string" ? text : text())) ? "Copied" : "The browser refused");
    setTimeout(() => setState(""), 1500);
  };
  return (
    <button type="button" class="small" onClick={() => void copy()}>
      <span aria-live="polite">{state === "" ? label : state}</span>
    </button>
  );
}

/** What a screen shows while it has no answer. */
export function Waiting({ error }: { error?: string | undefined }): JSX.Element {
  return error === undefined ? <p class="empty">Loading…</p> : <Problem text={error} />;
}

export function Problem({ text }: { text: string }): JSX.Element {
  return (
    <p class="notice bad" role="alert">
      {text}
    </p>
  );
}

/** A text in which parts between backticks are code. */
export function Prose({ text }: { text: string }): JSX.Element {
  return <>{text.split("`").map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part))}</>;
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

/** Names and values. */
export function Facts({ rows }: { rows: readonly (readonly [name: string, value: ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A number that stands out. */
export function Figure({ name, value, tone = "plain", href }: { name: string; value: string; tone?: Tone; href?: string }): JSX.Element {
  const content = (
    <>
      <span class="figure-name">{name}</span>
      <span class="figure-value">
        {tone !== "plain" && <span aria-hidden="true">{SHAPES[tone]} </span>}
        {value}
      </span>
    </>
  );
  return href === undefined ? (
    <div class={`figure ${tone}`}>{content}</div>
  ) : (
    <a class={`figure ${tone}`} href={href}>
      {content}
    </a>
  );
}

/** A column of a {@link Table}. */
export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Whether its values are numbers. */
  readonly isNumber?: boolean;
  /** Whether its values are sentences. */
  readonly isWide?: boolean;
}

/** A table with a caption. Wide ones scroll on their own. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}): JSX.Element {
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, isNumber }) => (
              <th key={name} scope="col" class={isNumber === true ? "number" : ""}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ name, cell, isNumber, isWide }) => (
                <td key={name} class={isNumber === true ? "number" : isWide === true ? "wide" : ""}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A text field with its label. */
export function Field({
  label,
  value,
  onInput,
  hint,
  placeholder,
  list,
}: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string;
  placeholder?: string;
  list?: readonly string[];
}): JSX.Element {
  const id = `field-${label.toLowerCase().replaceAll(/\W+/g, "-")}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        value={value}
        placeholder={placeholder ?? ""}
        list={list === undefined ? "" : `${id}-list`}
        aria-describedby={hint === undefined ? "" : `${id}-hint`}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {list !== undefined && (
        <datalist id={`${id}-list`}>
          {list.map((entry) => (
            <option key={entry} value={entry} />
          ))}
        </datalist>
      )}
      {hint !== undefined && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

/** JSON that opens and closes. */
export function Json({ value, label }: { value: unknown; label: string }): JSX.Element {
  const text = JSON.stringify(value, undefined, 2);
  return (
    <div class="json">
      <div class="tools">
        <span class="hint">{label}</span>
        <Copy text={text} />
      </div>
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
    </div>
  );
}

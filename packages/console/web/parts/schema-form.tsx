import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { readFields, type SchemaField, valueOf } from "./schema-fields.ts";

/** A form for the properties of a JSON Schema. Calls back with the object, or with the reason why there is none yet. */
export function SchemaForm({
  schema,
  id,
  onChange,
}: {
  schema: Readonly<Record<string, unknown>>;
  /** Unique on the page. */
  id: string;
  onChange: (result: { readonly value: Readonly<Record<string, unknown>> } | { readonly problem: string }) => void;
}): JSX.Element {
  const [texts, setTexts] = useState<ReadonlyMap<string, string>>(new Map());
  const fields = readFields(schema);
  const change = (name: string, text: string): void => {
    const changed = new Map([...texts, [name, text]]);
    setTexts(changed);
    onChange(valueOf(fields, changed));
  };
  if (fields.length === 0) return <p class="hint">It takes no arguments.</p>;
  return (
    <div class="form pairs">
      {fields.map((field) => (
        <SchemaInput key={field.name} id={`${id}-${field.name}`} field={field} text={texts.get(field.name) ?? ""} onChange={change} />
      ))}
    </div>
  );
}

function SchemaInput({
  id,
  field,
  text,
  onChange,
}: {
  id: string;
  field: SchemaField;
  text: string;
  onChange: (name: string, text: string) => void;
}): JSX.Element {
  const { name, title, kind, isRequired, description, choices } = field;
  const read = field.read(text);
  const problem = text !== "" && "problem" in read ? read.problem : undefined;
  const hint = [kind, isRequired ? "required" : "optional", description].filter((part) => part !== "").join(", ");
  const shared = { id, value: text, "aria-describedby": `${id}-hint`, "aria-invalid": problem !== undefined, required: isRequired };
  return (
    <div class="field">
      <label for={id}>{title}</label>
      {choices.length > 0 ? (
        <select {...shared} onChange={(event) => onChange(name, event.currentTarget.value)}>
          <option value="">{isRequired ? "choose one" : "none"}</option>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : kind === "JSON" ? (
        <textarea {...shared} rows={3} spellcheck={false} onInput={(event) => onChange(name, event.currentTarget.value)} />
      ) : (
        <input {...shared} autocomplete="off" spellcheck={false} onInput={(event) => onChange(name, event.currentTarget.value)} />
      )}
      <span class="hint" id={`${id}-hint`}>
        {problem ?? hint}
      </span>
    </div>
  );
}

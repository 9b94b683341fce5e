import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./basics.tsx";

interface ConfirmProps {
  /** What the button does: a verb, with its object unless the button is beside it. */
  readonly label: string;
  /** What is asked, with the name of the object. */
  readonly question: string;
  /** What it means, and what is lost. Rendered only while the dialog is open. */
  readonly children?: ComponentChildren;
  /** Whether it can't be undone. Default `true`. */
  readonly isDangerous?: boolean;
  readonly isDisabled?: boolean;
  /** A text that it resolves to is shown beside the button. */
  readonly onYes: () => Promise<string | void>;
}

/** A button that asks before it changes a server. */
export function Confirm({ label, isDangerous = true, isDisabled = false, ...asked }: ConfirmProps): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const [done, setDone] = useState("");
  const button = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  const open = (): void => {
    setDone("");
    setOpen(true);
  };
  return (
    <>
      <button ref={button} type="button" class={isDangerous ? "small danger" : "small"} disabled={isDisabled} onClick={open}>
        {label}
      </button>
      <span role="status" class={done === "" ? "visually-hidden" : "done"}>
        {done}
      </span>
      {isOpen && <Question {...asked} label={label} isDangerous={isDangerous} onClose={close} onDone={setDone} />}
    </>
  );
}

function Question({
  label,
  question,
  children,
  isDangerous,
  onYes,
  onClose,
  onDone,
}: Omit<ConfirmProps, "isDisabled"> & { onClose: () => void; onDone: (text: string) => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const yes = async (): Promise<void> => {
    setWorking(true);
    setError("");
    try {
      const text = await onYes();
      onDone(text ?? "");
      onClose();
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : "failed");
      setWorking(false);
    }
  };
  return (
    <dialog ref={dialog} class="question-dialog" aria-label={question} onClose={onClose}>
      <h2>{question}</h2>
      {children}
      {error !== "" && <Problem text={error} />}
      <p class="tools">
        {/* The first button has the focus: Enter changes nothing. */}
        <button type="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button type="button" class={isDangerous ? "danger" : "primary"} disabled={isWorking} onClick={() => void yes()}>
          {isWorking ? "Working…" : label}
        </button>
      </p>
    </dialog>
  );
}

import type { JsonObject, JsonValue } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import type { Origin } from "../trace/trace.ts";

/** The parameters of a {@link Translator}. */
export interface TranslationContext {
  /** The form before an earlier translation from the target's protocol, which this one can undo. The sender controls it: validate it. */
  readonly kept: JsonObject | undefined;
  readonly origin: Origin;
  /** A UUID for the translated message: the same for each redelivery. */
  readonly newId: string;
  /** The A2A context of the target, if it has one. */
  readonly contextId: string | undefined;
  /** The bridge's name among A2A agents. */
  readonly agent: string;
  /** The MCP session for messages without one. */
  readonly session: string;
  /** Bytes of a message, before and after translation. */
  readonly maxMessageBytes: number;
}

/** A translated message. */
export interface Translation {
  readonly contentType: string;
  readonly payload: Uint8Array;
  /** Metadata of the target's protocol. */
  readonly metadata?: JsonObject;
  /** Whether it undoes an earlier translation. Then the form in between need not be kept. */
  readonly restored?: boolean;
  /** The part of the message that the new form cannot represent, to be kept in the trace. */
  readonly message?: JsonValue;
  /** Names of what was lost. */
  readonly lost?: readonly string[];
}

/**
 * Translates an envelope to another protocol. Pure: equal arguments yield equal translations. Returns `undefined` for envelopes that are not
 * forwarded, such as calls between other parties.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`, `untranslatable`
 * @throws AdapterError `message_invalid`, `message_too_large`
 */
export type Translator = (envelope: Envelope, context: TranslationContext) => Translation | undefined;

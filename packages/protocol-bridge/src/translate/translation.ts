import type { JsonObject, JsonValue } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import type { Origin } from "../trace/trace.ts";

/** What a {@link Translator} is told besides the message. */
export interface TranslationContext {
  /** What an earlier translation from the target's protocol has kept: with it, this one undoes that. The sender's word, so check it. */
  readonly kept: JsonObject | undefined;
  readonly origin: Origin;
  /** A UUID for the message that is made: the same when the message comes again. */
  readonly newId: string;
  /** A2A context that messages are put into. */
  readonly contextId: string | undefined;
  /** What the bridge calls itself among A2A agents. */
  readonly agent: string;
  /** MCP session for messages that belong to none. */
  readonly session: string;
  /** Bytes of a message, before and after. */
  readonly maxMessageBytes: number;
}

/** A message in its new form. */
export interface Translation {
  readonly contentType: string;
  readonly payload: Uint8Array;
  /** What the target's protocol says beside its messages. */
  readonly metadata?: JsonObject;
  /** It has the form again that it had before an earlier translation: nothing needs to be kept of the form between. */
  readonly restored?: boolean;
  /** What the new form has no place for. */
  readonly message?: JsonValue;
  /** What could not be kept. */
  readonly lost?: readonly string[];
}

/**
 * Says in another protocol what an envelope says. Pure: equal envelopes and contexts give equal translations. `undefined` for what is no
 * message to others, such as a call.
 *
 * @throws BridgeError, AdapterError `message_invalid`, `message_too_large`. @throws BridgeError `untranslatable`
 */
export type Translator = (envelope: Envelope, context: TranslationContext) => Translation | undefined;

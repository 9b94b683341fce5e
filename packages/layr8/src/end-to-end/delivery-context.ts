import { isJsonObject, type Delivery, type JsonObject } from "@parley/core";

/** What the node says about a message, as far as it can know. It must not change what makes two deliveries the same message. */
export function contextOf({ context }: Delivery, recipient: string, senderCredentials: readonly JsonObject[]): JsonObject {
  const { authorized, attempt } = isJsonObject(context) ? context : {};
  return {
    recipient,
    sender_credentials: senderCredentials,
    ...(typeof authorized === "boolean" && { authorized }),
    ...(typeof attempt === "number" && { attempt }),
  };
}

/** Which delivery of a message it is, from 1. */
export function attemptOf({ context }: Delivery): number {
  const attempt = isJsonObject(context) ? context["attempt"] : undefined;
  return typeof attempt === "number" ? attempt : Infinity;
}

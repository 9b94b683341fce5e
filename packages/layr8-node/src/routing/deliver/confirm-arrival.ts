import type { Consumer } from "./consumer.ts";
import type { InFlightDelivery, Window } from "./window.ts";

/** The mailbox of a connection whose messages in flight may have arrived. */
export interface ArrivalOwner {
  isInFlight(delivery: InFlightDelivery<Consumer>): boolean;
  /** Removes a response that its agent will not acknowledge: it counts as handled once received. */
  onResponseReceived(delivery: InFlightDelivery<Consumer>): void;
  /** The connection has capacity again. */
  resume(consumer: Consumer): void;
}

/** Detects when the responses of this turn of the event loop, which will not be acknowledged, have arrived. */
export function confirmResponses(owner: ArrivalOwner, consumer: Consumer, window: Window<Consumer>): void {
  window.confirming = true;
  setImmediate(() => void confirm(owner, consumer, window, isHandledOnReceipt));
}

/**
 * Waits until the messages in flight on the connection's own threads, which may be responses, have arrived. They no longer use its window
 * then.
 */
export function confirmOwnThreads(owner: ArrivalOwner, consumer: Consumer, window: Window<Consumer>): void {
  void confirm(owner, consumer, window, isOnOwnThread);
}

async function confirm(
  owner: ArrivalOwner,
  consumer: Consumer,
  window: Window<Consumer>,
  which: (delivery: InFlightDelivery<Consumer>) => boolean,
): Promise<void> {
  const deliveries = [...window.inFlight].filter(which);
  window.confirming = true;
  await consumer.confirm();
  window.confirming = false;
  for (const delivery of deliveries) {
    if (!owner.isInFlight(delivery)) continue;
    if (delivery.handledOnReceipt) owner.onResponseReceived(delivery);
    // A handler may be processing it: it stays in the inbox until it is acknowledged.
    else window.arrived(delivery);
  }
  if (window.awaitsReceipt) confirmResponses(owner, consumer, window);
  else if (which !== isOnOwnThread && window.mayConfirm) confirmOwnThreads(owner, consumer, window);
  if (window.mayResume) owner.resume(consumer);
}

function isHandledOnReceipt({ handledOnReceipt }: InFlightDelivery<Consumer>): boolean {
  return handledOnReceipt;
}

function isOnOwnThread({ onOwnThread }: InFlightDelivery<Consumer>): boolean {
  return onOwnThread;
}

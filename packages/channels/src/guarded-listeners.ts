import { describeThrown, warnOnce } from "@parley/core/internal";
import type { SkytaleClientEvents } from "./client-events.ts";

/** Callbacks of the application. */
interface Listeners {
  readonly events?: Partial<SkytaleClientEvents>;
  readonly onWarning?: (warning: string) => void;
}

/** Wraps the callbacks of an application: one that throws or rejects causes a process warning, and has no other effect. */
export function guardedListeners({ events = {}, onWarning }: Listeners): Listeners & { readonly events: Partial<SkytaleClientEvents> } {
  const { onConnected, onDisconnected, onCaughtUp, onMembersChanged, onGrantsDiffer, onSkipped, onDecrypted, onError } = events;
  return {
    events: {
      ...(onConnected !== undefined && { onConnected: guarded("events.onConnected", onConnected.bind(events)) }),
      ...(onDisconnected !== undefined && { onDisconnected: guarded("events.onDisconnected", onDisconnected.bind(events)) }),
      ...(onCaughtUp !== undefined && { onCaughtUp: guarded("events.onCaughtUp", onCaughtUp.bind(events)) }),
      ...(onMembersChanged !== undefined && { onMembersChanged: guarded("events.onMembersChanged", onMembersChanged.bind(events)) }),
      ...(onGrantsDiffer !== undefined && { onGrantsDiffer: guarded("events.onGrantsDiffer", onGrantsDiffer.bind(events)) }),
      ...(onSkipped !== undefined && { onSkipped: guarded("events.onSkipped", onSkipped.bind(events)) }),
      ...(onDecrypted !== undefined && { onDecrypted: guarded("events.onDecrypted", onDecrypted.bind(events)) }),
      ...(onError !== undefined && { onError: guarded("events.onError", onError.bind(events)) }),
    },
    ...(onWarning !== undefined && { onWarning: guarded("onWarning", onWarning) }),
  };
}

/** @param name name of the listener, for the warning. */
function guarded<Args extends readonly unknown[]>(name: string, listener: (...args: Args) => unknown): (...args: Args) => void {
  return (...args) => void call(name, listener, args);
}

async function call<Args extends readonly unknown[]>(name: string, listener: (...args: Args) => unknown, args: Args): Promise<void> {
  try {
    await listener(...args);
  } catch (error) {
    warnOnce("PARLEY_LISTENER", `${name} failed: ${describeThrown(error)}`);
  }
}

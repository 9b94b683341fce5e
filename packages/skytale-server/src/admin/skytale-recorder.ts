import type { AdminEvent, AdminRecorder, AdminSample } from "@parley/server-kit";
import type { CompletedCall } from "../api/http/server.ts";
import { isShownCall } from "./shown-call.ts";
import type { Published } from "../relay/relay-observer.ts";

/** Records the events of a server for its console. None of them has anything of a message but its size. */
export class SkytaleRecorder {
  readonly #record: AdminRecorder;
  readonly #counts = new Map<AdminEvent["kind"], number>();
  /** Refused messages, calls and streams by code. */
  readonly refusals: Map<string, number> = new Map();
  #published = 0;
  #bytes = 0;

  constructor(record: AdminRecorder) {
    this.#record = record;
  }

  record(event: AdminEvent): void {
    this.#counts.set(event.kind, (this.#counts.get(event.kind) ?? 0) + 1);
    this.#record(event);
  }

  published(count: number, size: number, { channel, accountId, kind, commits }: Published): void {
    this.#published += count;
    this.#bytes += size;
    const outcome = kind === "welcome" ? "welcome" : commits > 0 ? "commit" : "application";
    this.record({ kind: "published", channel, account: accountId, outcome, count, size });
  }

  refused(what: string, code: string): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    this.record({ kind: "relay-refused", code, outcome: what });
  }

  called(call: CompletedCall): void {
    if (!isShownCall(call)) return;
    const { method, route, status, code } = call;
    this.record({ kind: "call-answered", type: `${method} ${route}`, code, outcome: String(status) });
  }

  /** Counts since the start. */
  sample(): AdminSample {
    return {
      publishedTotal: this.#published,
      bytesTotal: this.#bytes,
      refusedTotal: this.#counts.get("relay-refused") ?? 0,
      callsTotal: this.#counts.get("call-answered") ?? 0,
    };
  }
}

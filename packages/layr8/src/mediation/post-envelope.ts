import { ParleyError } from "@parley/core";
import { isLocalhostName, lookupLoopback, runWithin } from "@parley/core/internal";
import { HttpConnections, readJsonResponse } from "@parley/core/net";

const MAX_RESPONSE_BYTES = 64 * 1024;
/** Statuses with which a node refuses a message, so that a retry is useless: it is malformed, denied, too large, or of an unknown kind. */
const FINAL: ReadonlySet<number> = new Set([400, 403, 413, 415, 422]);

/** What a node did with an envelope. `refused` is final. */
export type Posted = "accepted" | "refused" | "failed";

/** Posts envelopes to a node. */
export class EnvelopePoster implements Disposable {
  readonly #url: URL;
  readonly #connections: HttpConnections;

  /** @throws TypeError if it isn't an http or https URL. */
  constructor(url: string) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new TypeError("didcommUrl must be an http or https URL");
    this.#url = new URL(url);
    this.#connections = new HttpConnections(this.#url.origin, {
      maxConnections: 1,
      lookup: isLocalhostName(this.#url.hostname) ? lookupLoopback : undefined,
    });
  }

  /** Never rejects. */
  async post(envelope: string, timeoutMs: number): Promise<Posted> {
    const onTimeout = (): Error => new ParleyError("timeout", `The node did not answer within ${timeoutMs} ms`);
    try {
      return await runWithin({ signals: [], timeoutMs, onTimeout }, async (signal) => {
        const { pathname: path, search } = this.#url;
        const headers = { "content-type": "application/didcomm-encrypted+json" };
        const response = await this.#connections.request({ method: "POST", path: path + search, headers, body: envelope, signal });
        const { status } = await readJsonResponse(response, MAX_RESPONSE_BYTES);
        if (status >= 200 && status < 300) return "accepted";
        return FINAL.has(status) ? "refused" : "failed";
      });
    } catch {
      return "failed";
    }
  }

  [Symbol.dispose](): void {
    this.#connections.close();
  }
}

import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { listenError } from "../connections/listen-error.ts";

/**
 * Opens a port.
 *
 * @param option the option that sets the port, for the error's message.
 * @returns host and port, as in a URL.
 * @throws the system's error, with its remedy, when the port is not available.
 */
export async function listen(app: FastifyInstance, place: { host: string; port: number; option: string }): Promise<string> {
  try {
    await app.listen({ port: place.port, host: place.host });
  } catch (error) {
    throw listenError(error, place);
  }
  const { family, address, port } = app.server.address() as AddressInfo;
  return `${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** The port of an origin, or of a host with its port. Given a URL, `URL` would omit the default ports 80 and 443. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

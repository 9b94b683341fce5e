import { connect, type Socket } from "node:net";

/** Addresses that attackers come from: others than the bystander's, 127.0.0.1. */
export function attackersAddress(index: number): string {
  return `127.0.0.${2 + (index % 8)}`;
}

/** Opens connections that send some bytes and then nothing; those that are closed are opened again once. */
export function openSilent(count: number, url: string, addresses: number, bytes = ""): Socket[] {
  const { hostname, port } = new URL(url);
  return Array.from({ length: count }, (_, index) => {
    const socket = connect({ host: hostname, port: Number(port), localAddress: attackersAddress(index % addresses) });
    socket.on("error", () => {}).on("connect", () => bytes !== "" && socket.write(bytes));
    return socket;
  });
}

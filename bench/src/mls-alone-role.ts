// What MLS costs without a network: encrypts and decrypts in one process, with the state in files.
import { OwnGroup } from "./mls-own.ts";
import { argument, serve } from "./worker.ts";

const IN_FLIGHT = 256;

const payload = new Uint8Array(1024).fill(7);
const group = await OwnGroup.of(2, argument() as "memory" | "files");
process.on("disconnect", () => void group.close());
serve({}, async ({ publish = 0 }: { readonly publish?: number }) => {
  for (let left = publish; left > 0; left -= IN_FLIGHT) {
    const sent = await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, left) }, () => group.encrypt(payload)));
    await Promise.all(sent.map((message) => group.decrypt(message)));
  }
  return 0;
});

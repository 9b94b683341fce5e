import { MemoryCredentialStore } from "../../src/credentials/memory-credential-store.ts";
import { credentialStoreCompliance } from "./credential-store-compliance.ts";

credentialStoreCompliance("MemoryCredentialStore", (maxPerHolder) =>
  Promise.resolve({ store: new MemoryCredentialStore(maxPerHolder), cleanup: () => Promise.resolve() }),
);

export { createNodeCrypto } from "./node-crypto.ts";
export { openFileStore, type FileStoreOptions } from "../store/file/open-file-store.ts";

export { openFileStore, type FileStoreOptions } from "../store/file/open-file-store.ts";
export type { Durability, GroupStore, StoreChange, StorePartition } from "../store/group-store.ts";

export { openFileStore, type FileStoreOptions } from "../store/file/open-file-store.ts";

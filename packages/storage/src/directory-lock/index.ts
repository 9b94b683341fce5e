export { createDirectory } from "./create-directory.ts";
export { checkDirectoryKind } from "./directory-kind.ts";
export { lockDirectory, type DirectoryLock } from "./lock-directory.ts";
export { checkRegularFile } from "./regular-file.ts";
export { replaceFile } from "./replace-file.ts";
export { LockError, type LockErrorCode } from "./lock-error.ts";

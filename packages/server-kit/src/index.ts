export type { AdminEvent, AdminEventKind } from "./admin/admin-event.ts";
export { adminOptions, type AdminOptions } from "./admin/admin-options.ts";
export type {
  AdminAction,
  AdminHub,
  AdminParameters,
  AdminRead,
  AdminRecorder,
  AdminSample,
  AdminSource,
  ServerConsole,
} from "./admin/admin-source.ts";
export { type BackupSource, createBackup, type CreatedBackup } from "./backup/create-backup.ts";
export { restoreBackup, type RestoreOptions } from "./backup/restore-backup.ts";
export type { BackupFile, BackupManifest } from "./backup/manifest.ts";
export { createKey, hashKey, isKeyOf } from "./api-key.ts";
export { writeEnvFile } from "./cli/env-file.ts";
export { couldBeCommitted } from "./cli/git-ignore.ts";
export { ClusterCommands, type ClusterProgram, type ClusterTools, type DirectoryImport } from "./cli/cluster-commands.ts";
export type { ClusterOptions } from "./cli/cluster-options.ts";
export { parseRevocation, printCreatedKey, printRecord } from "./cli/key-commands.ts";
export { parseOptions } from "./cli/parse-options.ts";
export { readConfigFile } from "./cli/read-config-file.ts";
export { readSecretKey } from "./cli/read-secret-key.ts";
export { type Command, type Environment, runCommand } from "./cli/run-command.ts";
export { readStoragePlace, STORAGE_FLAGS, type StoragePlace } from "./cli/storage-flags.ts";
export { withDataDirectory, type DataDirectoryOptions } from "./cli/with-data-directory.ts";
export { type Flag, type FlagValues, flagsOf, runServer, type ServerProgram } from "./cli/server-program.ts";
export { Connections, type ConnectionsOptions, type DropReason, peerOf } from "./connections/connections.ts";
export { listenError, probePort } from "./connections/listen-error.ts";
export { clientAddress, forwardedAddress, proxyTrust, type ProxyTrust, type TrustProxy } from "./connections/trust-proxy.ts";
export { keepHeapHeadroom } from "./lifecycle/heap-headroom.ts";
export { type PeriodicTask } from "./lifecycle/repeat.ts";
export { type LifecycleOptions, ServerLifecycle } from "./lifecycle/server-lifecycle.ts";
export { ServerStorage, type ServerStorageOptions } from "./lifecycle/server-storage.ts";
export { type ServerKind, startServer, type StartedParts, type StartOptions } from "./lifecycle/start-server.ts";
export {
  amount,
  choice,
  count,
  listOf,
  logger,
  milliseconds,
  option,
  type OptionRule,
  options,
  type OptionSchema,
  type OptionShape,
  type OptionUse,
  port,
  secretKey,
  telemetry,
  text,
  trueOrFalse,
  trustedProxies,
} from "./options/option.ts";
export {
  describeDurability,
  NATS_OPTIONS,
  type NatsOptions,
  type NatsRequirements,
  type NatsSettings,
  readNatsOptions,
} from "./options/nats-options.ts";
export { loadPeerPackage } from "./options/load-peer-package.ts";
export { describeOptions, type DescribedOption, readOptions } from "./options/read-options.ts";
export { type HeldLoop, Watchdog, type WatchdogOptions } from "./watchdog.ts";
export { MetricSet, WAIT_SECONDS, WORK_SECONDS } from "./metrics.ts";

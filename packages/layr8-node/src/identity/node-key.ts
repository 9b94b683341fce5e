import { loadSealingKey, type SealingKey } from "@parley/storage";

/**
 * Reads the node key of a data directory from its file `node.key` (mode 0600), which the first start creates. Keep a copy of it apart
 * from the data: anyone holding both has the private keys of all DIDs, and without it they are lost.
 *
 * @param isRequired the directory holds private keys that are encrypted: a missing file is an error, and none is created.
 * @throws StorageError `data_dir_unusable`, `storage_failed` (the disk is full or failing)
 */
export function loadNodeKey(directory: string, isRequired: boolean): Promise<SealingKey> {
  return loadSealingKey({
    directory,
    file: "node.key",
    isRequired,
    remedy: "put back the copy that belongs to this directory, or give its content as LAYR8_NODE_KEY (nodeKey of startNode)",
  });
}

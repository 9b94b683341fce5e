import { loadSealingKey, type SealingKey } from "@parley/storage";

/** The file of the node key in a data directory. */
export const NODE_KEY_FILE = "node.key";

/**
 * Reads the node key of a data directory from its file `node.key` (mode 0600), which the first start creates. Keep a copy of it apart
 * from the data: anyone holding both has the private keys of all DIDs, and without it they are lost.
 *
 * @param opens whether a key opens the encrypted private keys in the directory. Absent if the directory has none; otherwise a missing file is an error,
 *   and none is created.
 * @throws StorageError `data_dir_unusable`, `storage_failed` (the disk is full or failing)
 */
export function loadNodeKey(directory: string, opens?: (key: SealingKey) => boolean): Promise<SealingKey> {
  return loadSealingKey({
    directory,
    file: NODE_KEY_FILE,
    isRequired: opens !== undefined,
    opens,
    remedy: "put back the copy that belongs to this directory, or give its content as LAYR8_NODE_KEY (nodeKey of startNode)",
  });
}

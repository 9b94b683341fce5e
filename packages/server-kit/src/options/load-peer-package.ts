import { systemCode } from "@parley/core/internal";

/**
 * Loads a package that only some uses of a server need, and that is not installed with it.
 *
 * @param load imports it, or a module that does.
 * @param option the option that needs it.
 * @throws TypeError if it is not installed
 */
export async function loadPeerPackage<T>(load: () => Promise<T>, name: string, option: string): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (systemCode(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new TypeError(`Option "${option}" needs the package ${name}, which is not installed: npm install ${name}`, { cause: error });
  }
}

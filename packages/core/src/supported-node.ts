// Imported for its effect, first by every entry point of this package, which all other packages import: what Node 18 lacks would
// otherwise show as an error that doesn't name the cause. Modules must not import names from Node that Node 18 doesn't have (`hash` of
// node:crypto, `crc32` of node:zlib), because such an import fails before any code runs.
import { checkNodeVersion } from "./check-node-version.ts";

checkNodeVersion(globalThis.process?.versions?.node);

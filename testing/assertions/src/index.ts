export { bundleProgram } from "./bundle-program.ts";
export { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";
export { canMountFailingDisk, failingDisk, type FailingDisk } from "./failing-disk.ts";
export { canMountSmallDisk, smallDisk, type SmallDisk } from "./small-disk.ts";
export { describeUnless, readVectors, type Vectors } from "./external.ts";
export { gateOrSoak, randomFrom, SEED } from "./soak.ts";
export { stopClock } from "./stop-clock.ts";
export { temporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";
export { rejectionOf, thrownBy } from "./thrown.ts";

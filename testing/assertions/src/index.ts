export { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";
export { canMountSmallDisk, smallDisk, type SmallDisk } from "./small-disk.ts";
export { rejectionOf, thrownBy } from "./thrown.ts";

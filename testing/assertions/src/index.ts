export { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";
export { rejectionOf, thrownBy } from "./thrown.ts";

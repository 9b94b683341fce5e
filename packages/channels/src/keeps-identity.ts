import { basicIdentity, type Authenticate } from "@parley/mls-engine";
import { isEqual } from "./channel/channel-member.ts";

/**
 * The default of `authenticate`: accepts the basic credential of every member that another member adds. Updates must keep the credential and the
 * signature key. X.509 credentials need a custom `authenticate`.
 */
export const keepsIdentity: Authenticate = (credential, signatureKey, { previous, previousKey }) =>
  basicIdentity(credential) !== undefined &&
  (previous === undefined || (previous.type === credential.type && isEqual(previous.content, credential.content))) &&
  (previousKey === undefined || isEqual(previousKey, signatureKey));

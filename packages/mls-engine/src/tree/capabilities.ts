import { decodeWhole } from "../codec/reader.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import type { LeafNode } from "./leaf-node.ts";
import { BASIC_CREDENTIAL, X509_CREDENTIAL } from "../credentials/credential.ts";
import {
  ExtensionType,
  MLS10,
  readRequiredCapabilities,
  type Capabilities,
  type Credential,
  type Extension,
  type RequiredCapabilities,
} from "../codec/structures.ts";

/** The default extensions and proposals, which every implementation supports and capabilities don't list (RFC 9420 §7.2). */
const LAST_DEFAULT_EXTENSION = ExtensionType.externalSenders;
const LAST_DEFAULT_PROPOSAL = 7;

/** The capabilities of this implementation. A custom credential type is added, since a leaf must support its own credential. */
export function ownCapabilities(suite: CipherSuite, credential: Credential): Capabilities {
  return {
    versions: [MLS10],
    suites: [suite.id],
    extensions: [ExtensionType.lastResort],
    proposals: [],
    credentials: [...new Set([BASIC_CREDENTIAL, X509_CREDENTIAL, credential.type])],
  };
}

/** Whether a type is a GREASE value: 0x0a0a, 0x1a1a, … 0xeaea, sent to keep receivers tolerant of unknown types (RFC 9420 §13.5). */
export function isGrease(type: number): boolean {
  return (type & 0x0f0f) === 0x0a0a && type >> 12 === ((type >> 4) & 0xf) && type < 0xf000;
}

/** Whether a leaf supports the extensions of its own leaf node or key package (RFC 9420 §7.3). */
export function supportsOwnExtensions(leaf: LeafNode, extensions: readonly Extension[]): boolean {
  return supportsExtensions(
    leaf,
    extensions.filter((e) => !isGrease(e.type)),
  );
}

/** Whether a leaf supports the extensions of a group. */
export function supportsExtensions(leaf: LeafNode, extensions: readonly Extension[]): boolean {
  return extensions.every((e) => e.type <= LAST_DEFAULT_EXTENSION || leaf.capabilities.extensions.includes(e.type));
}

/** Whether a leaf has the required capabilities of a group (RFC 9420 §11.1). */
export function supportsRequired(leaf: LeafNode, required: RequiredCapabilities | undefined): boolean {
  if (required === undefined) return true;
  const { extensions, proposals, credentials } = leaf.capabilities;
  return (
    required.extensions.every((type) => type <= LAST_DEFAULT_EXTENSION || extensions.includes(type)) &&
    required.proposals.every((type) => type <= LAST_DEFAULT_PROPOSAL || proposals.includes(type)) &&
    required.credentials.every((type) => credentials.includes(type))
  );
}

/** The group's `required_capabilities` extension, if it has one. */
export function requiredCapabilities(extensions: readonly Extension[]): RequiredCapabilities | undefined {
  const extension = extensions.find((e) => e.type === ExtensionType.requiredCapabilities);
  return extension && decodeWhole(extension.data, readRequiredCapabilities);
}

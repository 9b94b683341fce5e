import type { Suite } from "../crypto/labels.ts";
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
import { decodeWhole } from "../codec/codec.ts";
import { suiteId } from "../crypto/suite-id.ts";

/** Extensions and proposals that every implementation knows, and no capabilities list (RFC 9420 §7.2). */
const LAST_DEFAULT_EXTENSION = ExtensionType.externalSenders;
const LAST_DEFAULT_PROPOSAL = 7;

/** What this implementation says that it can do. */
export function ownCapabilities(suite: Suite, credential: Credential): Capabilities {
  return {
    versions: [MLS10],
    suites: [suiteId(suite)],
    extensions: [ExtensionType.lastResort],
    proposals: [],
    credentials: [...new Set([BASIC_CREDENTIAL, X509_CREDENTIAL, credential.type])],
  };
}

/** Values that senders mix in so that receivers learn to ignore what they don't know (RFC 9420 §13.5): 0x0a0a, 0x1a1a, … 0xeaea. */
export function isGrease(type: number): boolean {
  return (type & 0x0f0f) === 0x0a0a && type >> 12 === ((type >> 4) & 0xf) && type < 0xf000;
}

/** Whether a leaf supports the extensions that it, or its key package, carries itself. */
export function supportsOwnExtensions(leaf: LeafNode, extensions: readonly Extension[]): boolean {
  return supportsExtensions(
    leaf,
    extensions.filter((e) => !isGrease(e.type)),
  );
}

/** Whether a leaf can take part in a group with these extensions. */
export function supportsExtensions(leaf: LeafNode, extensions: readonly Extension[]): boolean {
  return extensions.every((e) => e.type <= LAST_DEFAULT_EXTENSION || leaf.capabilities.extensions.includes(e.type));
}

/** Whether a leaf can do what a group asks of everybody (RFC 9420 §11.1). */
export function supportsRequired(leaf: LeafNode, required: RequiredCapabilities | undefined): boolean {
  if (required === undefined) return true;
  const { extensions, proposals, credentials } = leaf.capabilities;
  return (
    required.extensions.every((type) => type <= LAST_DEFAULT_EXTENSION || extensions.includes(type)) &&
    required.proposals.every((type) => type <= LAST_DEFAULT_PROPOSAL || proposals.includes(type)) &&
    required.credentials.every((type) => credentials.includes(type))
  );
}

/** The group's `required_capabilities` extension, when it has one. */
export function requiredCapabilities(extensions: readonly Extension[]): RequiredCapabilities | undefined {
  const extension = extensions.find((e) => e.type === ExtensionType.requiredCapabilities);
  return extension && decodeWhole(extension.data, readRequiredCapabilities);
}

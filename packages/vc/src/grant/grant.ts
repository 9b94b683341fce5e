/** What a grant permits: messages of some types of one protocol, about some resources. */
export interface GrantScope {
  /** Protocol URI of DIDComm, without the name of a message; `*` is every protocol. */
  readonly protocol: string;
  /** Names of messages, the part of a type after its last slash. `*` is every name. */
  readonly messageTypes: readonly string[];
  /** A resource, such as the recipient's DID; see {@link matchGrant} for prefixes. `undefined` is every resource. */
  readonly resource?: string;
}

/** The grant that another one was derived from. */
export interface GrantDelegation {
  /** Its id. */
  readonly parentCapability: string;
  /** The signed grant. */
  readonly parentCredential: string;
}

/**
 * The claims of a VerifiableGrant: an issuer permits a holder to send certain messages. Its scope says which.
 *
 * @see {@link https://layr8.io/contexts/grant/v1 | layr8, grant context}
 */
export interface Grant {
  /** The credential's id. */
  readonly id?: string;
  /** DID of the issuer. Whether it may grant this is the caller's decision. */
  readonly issuer: string;
  /** DID that may use the grant, `credentialSubject.id`. */
  readonly holder: string;
  readonly scope: readonly GrantScope[];
  /** Names of tools in `credentialSubject.grant.tools`: a hint for choosing among grants. No decision depends on it. */
  readonly tools: readonly string[];
  /**
   * Restrictions of the grant that are not evaluated: members of `credentialSubject.constraints`, such as `rego`, and unknown members of its scope and delegation,
   * such as `scope[0].limit`.
   */
  readonly constraints: readonly string[];
  /** Set if it was derived from another grant; see {@link readGrantChain}. It says nothing without that one. */
  readonly delegation?: GrantDelegation;
}

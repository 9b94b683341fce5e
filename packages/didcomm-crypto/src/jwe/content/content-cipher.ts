/** What a cipher gives: the tag belongs to the ciphertext and the additional data. */
export interface Sealed {
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** What a content cipher works on. */
export interface ContentInput {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Data that is authenticated only. */
  readonly aad: Uint8Array;
}

/** Decrypts content. Lengths are in bytes, and what is given to it has them. */
export interface ContentDecipher {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly tagLength: number;
  /** `undefined` if the tag is not that of the rest. */
  open(input: ContentInput, sealed: Sealed): Uint8Array | undefined;
}

/** Encrypts content, too. */
export interface ContentCipher extends ContentDecipher {
  seal(input: ContentInput, plaintext: Uint8Array): Sealed;
}

/** Encrypted content. The tag authenticates the ciphertext and the additional data. */
export interface Sealed {
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** Inputs of a content cipher. */
export interface ContentInput {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Additional authenticated data. */
  readonly aad: Uint8Array;
}

/** Decrypts content. The caller checks the lengths, which are in bytes. */
export interface ContentDecipher {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly tagLength: number;
  /** Decrypts the content. `undefined` if the tag does not match. */
  open(input: ContentInput, sealed: Sealed): Uint8Array | undefined;
}

/** Encrypts and decrypts content. */
export interface ContentCipher extends ContentDecipher {
  seal(input: ContentInput, plaintext: Uint8Array): Sealed;
}

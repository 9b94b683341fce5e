import { checkOption, closeAll, readDurationMs, rejectUnknownOptions, type OptionCheck } from "@parley/core/eager";
import type { JsonObject, Message, MessageInit } from "@parley/core";
import {
  CredentialsClient,
  GrantWallet,
  type CallOptions,
  type Credential,
  type CredentialState,
  type CredentialVerification,
  type DelegateGrantOptions,
  type ListCredentialsOptions,
  type MediatorOptions,
  type PresentationVerification,
  type SetCredentialStatusOptions,
  type SignCredentialOptions,
  type SigningKey,
  type SignPresentationOptions,
  type StoreCredentialOptions,
  type StoredCredential,
  type VerifyCredentialOptions,
  type VerifyPresentationOptions,
} from "@parley/credentials-client";
import {
  Client as AgentClient,
  ErrorKind,
  type ConnectOptions,
  type ErrorHandler,
  type JoinDidOptions,
  type JoinedDid,
  type ProblemReportError,
  type ReceiptVerifier,
} from "@parley/didcomm-agent";
import { requireEndToEnd, type EndToEnd } from "./end-to-end/end-to-end.ts";
import { readOverlapMs, type RotateKeysOptions } from "./end-to-end/rotate-keys-options.ts";
import { endpointFromEnvironment, endToEndOf, fromEnvironment, grantSettings, mediationEnvironment, type Config } from "./env.ts";
import { Delegation, type DelegatedCredentials, type DelegationListener } from "./delegation.ts";
import { GrantAttacher } from "./grants.ts";
import { ClientMediation } from "./mediation/client-mediation.ts";
import { COORDINATION } from "./mediation/protocols.ts";
import { didcommUrlOf, mediationSettings, type MediationSettings } from "./mediation/settings.ts";
import { agentReceiptVerifier, receiptVerifier } from "./receipts/receipt-verifier.ts";
import { SENDER_PRESENTATION } from "./sender-presentation.ts";
import { WalletWatcher, type WalletListener } from "./wallet-watcher.ts";

const IS_DID: OptionCheck = { expected: "a DID", isPublic: true, is: (value) => typeof value === "string" && value.startsWith("did:") };

/**
 * An agent: connects a DID to a node, handles messages, sends and requests; signs, verifies, keeps and presents credentials.
 *
 * Errors without a caller to receive them go to `onError`, which is required; see `logErrors`. The calls about credentials go to the
 * node's REST API and need no connection; where they name no DID, this agent's acts. They fail with a `RestError`.
 *
 * @throws TypeError for an unknown option, a missing error handler, or a URL or API key that is neither given nor in the environment.
 * @example
 * ```ts
 * import { Client, logErrors } from "layr8";
 *
 * const client = new Client({ agentDid: "did:web:localhost:echo" }, logErrors());
 * client.handle("https://layr8.io/protocols/echo/1.0/request", (message) => ({
 *   type: "https://layr8.io/protocols/echo/1.0/response",
 *   body: message.body,
 * }));
 * await client.connect();
 * ```
 */
export class Client extends AgentClient {
  readonly #config: Config;
  readonly #endToEnd: EndToEnd | undefined;
  #opened: CredentialsClient | undefined;
  readonly #mediationSettings: MediationSettings;
  readonly #mediation: ClientMediation;
  readonly #watcher: WalletWatcher;
  readonly #delegation = new Delegation();
  readonly #wallet: GrantWallet | undefined;
  readonly #grants: GrantAttacher | undefined;
  readonly #receiptVerifier: ReceiptVerifier = receiptVerifier((did) => this.#credentials().readDidDocument(did));

  constructor(config: Config, onError: ErrorHandler) {
    const endToEnd = endToEndOf(config);
    super(fromEnvironment(config, endToEnd), onError);
    this.#config = config;
    this.#endToEnd = endToEnd;
    this.#watcher = new WalletWatcher({
      read: () => this.listCredentials(),
      isAnnounced: () => this.connected && this.announcesWalletChanges,
      onFailure: (error) => this.reportFailure(error),
      pollMs: readDurationMs({ walletPollMs: config.walletPollMs }, { ms: "walletPollMs" }, 15_000),
    });
    this.onReconnect(() => this.#watcher.check());
    this.#mediationSettings = mediationSettings(config, mediationEnvironment());
    this.#mediation = new ClientMediation({
      client: this,
      settings: this.#mediationSettings,
      isConnected: () => this.connected,
      onFailure: (error) => this.reportFailure(error, ErrorKind.MEDIATION),
    });
    if (this.#mediationSettings.mediator !== undefined) {
      this.announce(COORDINATION);
      for (const [type, handler] of Object.entries(this.#mediation.handlers())) this.handle(type, handler);
      this.onReconnect(() => this.#mediation.run());
    }
    const settings = grantSettings(config);
    if (settings === undefined) return;
    const { onGrantMiss, ...caching } = settings;
    this.#wallet = new GrantWallet({
      ...caching,
      read: (holderDid, signal) => this.#credentials().listCredentials({ holderDid, signal }),
    });
    this.#grants = new GrantAttacher({ wallet: this.#wallet, onGrantMiss, onFailure: (error) => this.reportFailure(error) });
  }

  /**
   * Derives a grant for a DID directly below this agent's, such as a helper of one task. It permits at most what the given grant permits, and ends with it.
   *
   * @throws TypeError naming the argument that is wrong; RestError
   * @example
   * ```ts
   * import type { Client } from "layr8";
   *
   * async function letHelperRead(client: Client, grant: string): Promise<void> {
   *   const helper = `${client.did}:reader`;
   *   const scope = [{ protocol: "https://shop.example/orders/1.0", messageTypes: ["read"] }];
   *   await client.storeCredential(await client.delegateGrant(grant, { holderDid: helper, scope }), { holderDid: helper });
   * }
   * ```
   */
  async delegateGrant(signed: string, options: DelegateGrantOptions): Promise<string> {
    return this.#credentials().delegateGrant(signed, options);
  }

  /**
   * Reads the grants of this agent again before the next message, for instance after it got one. Otherwise a new grant is noticed
   * within `grantCacheMs`.
   */
  refreshGrants(): void {
    this.#wallet?.refresh();
  }

  /**
   * Has the node sign a credential, and gives the signed text. The issuer is this agent, unless `issuerDid` names another DID of the API
   * key. A missing `id`, `issuer`, context and type are filled in.
   *
   * @throws RestError; TypeError naming the member that is wrong.
   * @example
   * ```ts
   * import type { Client } from "layr8";
   *
   * async function hire(client: Client, employee: string): Promise<string> {
   *   return client.signCredential({ type: ["EmployeeCredential"], credentialSubject: { id: employee, role: "welder" } });
   * }
   * ```
   */
  async signCredential(credential: Credential, options?: SignCredentialOptions): Promise<string> {
    return this.#credentials().signCredential(credential, options);
  }

  /**
   * Revokes, suspends or resumes (`valid`) a credential that this agent signed with `revocable`. A revocation is final.
   *
   * @param credential the signed credential, or its `credentialStatus`, which is enough to keep.
   * @throws RestError `status_unknown`, `status_final`
   */
  async setCredentialStatus(
    credential: string | JsonObject | readonly JsonObject[],
    status: CredentialState,
    options?: SetCredentialStatusOptions,
  ): Promise<void> {
    return this.#credentials().setCredentialStatus(credential, status, options);
  }

  /** Has the node verify a signed credential of any format. @throws RestError with the node's code when it does not hold. */
  async verifyCredential(signed: string, options?: VerifyCredentialOptions): Promise<CredentialVerification> {
    return this.#credentials().verifyCredential(signed, options);
  }

  /** Puts a signed credential into this agent's store on the node. @throws RestError */
  async storeCredential(signed: string, options?: StoreCredentialOptions): Promise<StoredCredential> {
    return this.#credentials().storeCredential(signed, options);
  }

  /** All credentials in this agent's store. @throws RestError */
  async listCredentials(options?: ListCredentialsOptions): Promise<readonly StoredCredential[]> {
    return this.#credentials().listCredentials(options);
  }

  /** One stored credential, by the `id` that the node gave it. @throws RestError `not_found` */
  async getCredential(id: string, options?: CallOptions): Promise<StoredCredential> {
    return this.#credentials().getCredential(id, options);
  }

  /** Has the node put signed credentials into a presentation that this agent signs. @throws RestError */
  async signPresentation(signed: readonly string[], options?: SignPresentationOptions): Promise<string> {
    return this.#credentials().signPresentation(signed, options);
  }

  /** Has the node verify a presentation and each credential in it. @throws RestError with the node's code when it does not hold. */
  async verifyPresentation(signed: string, options?: VerifyPresentationOptions): Promise<PresentationVerification> {
    return this.#credentials().verifyPresentation(signed, options);
  }

  /**
   * Makes a message that presents credentials of this agent to its recipients: their nodes verify them, and handlers find them in
   * `message.context.senderCredentials`. Send it once, as it is: the presentation is bound to the message's id, its recipients and this
   * agent, and holds for some minutes.
   *
   * @throws RestError when the node doesn't sign; TypeError naming the member that is wrong, such as a missing recipient.
   * @example
   * ```ts
   * import type { Client } from "layr8";
   *
   * async function order(client: Client, shop: string, employeeCredential: string) {
   *   const message = { type: "https://shop.example/orders/1.0/create", to: shop, body: { apples: 2 } };
   *   return client.request(await client.present(message, [employeeCredential]));
   * }
   * ```
   */
  async present(message: MessageInit, signed: readonly string[], options: CallOptions = {}): Promise<Message> {
    rejectUnknownOptions(options, ["signal"]);
    const { signal } = options;
    const made = this.compose(message);
    if (made.to.length === 0) throw new TypeError("A message that presents credentials needs its recipients in to");
    const presentation = await this.#credentials().signPresentation(signed, {
      holderDid: made.from ?? this.did,
      nonce: made.id,
      audience: made.to,
      ...(signal !== undefined && { signal }),
    });
    const attachment = { mediaType: "application/vp+jwt", format: SENDER_PRESENTATION, data: { json: presentation } };
    return { ...made, attachments: [...(made.attachments ?? []), attachment] };
  }

  /**
   * Calls a listener with the credentials in this agent's store, after they have changed: at once if the node announces that, as Parley's does, otherwise when they
   * are read the next time (`walletPollMs`). Grants are attached by the new store in both cases.
   *
   * @returns a function that removes the listener.
   */
  onWalletChange(listener: WalletListener): () => void {
    if (typeof listener !== "function") throw new TypeError("onWalletChange needs a function");
    return this.#watcher.add((credentials) => {
      this.#wallet?.refresh(this.did);
      return listener(credentials);
    });
  }

  /**
   * The grants that this agent borrows from `parentDid`; they are attached like stored ones. `undefined` without a parent, before `connect`, and if the node doesn't
   * derive grants.
   */
  delegatedCredentials(): DelegatedCredentials | undefined {
    return this.#delegation.current;
  }

  /**
   * Calls a listener with the grants that this agent borrows, after its parent's have changed.
   *
   * @returns a function that removes the listener.
   */
  onDelegation(listener: DelegationListener): () => void {
    if (typeof listener !== "function") throw new TypeError("onDelegation needs a function");
    return this.#delegation.add(listener);
  }

  protected override delegated(raw: unknown): void {
    const taken = this.#delegation.take(raw);
    if (taken === undefined) return;
    const { delegated, isPush } = taken;
    this.#wallet?.borrow(
      this.did,
      delegated.credentials.map(({ credentialJwt }) => credentialJwt),
    );
    if (isPush) this.#delegation.emit(delegated, (error) => this.reportFailure(error));
  }

  protected override walletChanged(did: string): void {
    this.#wallet?.refresh(did);
    if (did === this.did) this.#watcher.check();
  }

  /** Where messages that a mediator has kept are posted. @throws TypeError without `nodeUrl` and `didcommUrl` */
  get didcommUrl(): string {
    return this.#mediationSettings.didcommUrl ?? didcommUrlOf(endpointFromEnvironment(this.#config).nodeUrl);
  }

  /**
   * Names the mediator through which others reach this agent, in the agent's DID document; without one, removes it. The option `mediator` does that too.
   *
   * @throws RestError
   */
  async setMediator(mediator: string | undefined, options?: MediatorOptions): Promise<void> {
    return this.#credentials().setMediator(mediator, options);
  }

  /**
   * Replaces the keys of this agent by new ones, with `keys: "agent"`. Other agents accept them, because the former key signs them. Messages that are encrypted
   * for the former key are accepted for `overlapMs`: choose it longer than messages wait at nodes. While the client reconnects, the keys are published by that.
   *
   * @throws EndToEndError `keys_not_held` (also before the first connect, and after `close`), `rotation_unsupported` (a did:key), `key_store_invalid`; TypeError
   */
  async rotateKeys(options: RotateKeysOptions = {}): Promise<void> {
    const overlapMs = readOverlapMs(options);
    const { did = this.did } = options;
    checkOption("did", did, IS_DID);
    await (await requireEndToEnd(this.#endToEnd).held()).rotate(did, overlapMs);
  }

  /**
   * 60 digits computed from the keys of a DID, with `keys: "agent"`: this agent's own, or those of another agent as this one knows them. Both sides have the same
   * digits if no node has put in keys of its own.
   *
   * @throws EndToEndError `key_changed`, `keys_not_held`; DidError; TypeError
   */
  async keyFingerprint(did: string = this.did): Promise<string> {
    checkOption("did", did, IS_DID);
    return (await requireEndToEnd(this.#endToEnd).held()).fingerprint(this.did, did);
  }

  /**
   * Accepts the present keys of another agent after `key_changed`, with `keys: "agent"`. Ask its owner for the fingerprint, and compare it with the result.
   *
   * @throws EndToEndError `keys_not_held`; DidError; TypeError
   */
  async trustKeys(did: string): Promise<string> {
    checkOption("did", did ?? null, IS_DID);
    return (await requireEndToEnd(this.#endToEnd).held()).trust(this.did, did);
  }

  override async connect(options?: ConnectOptions): Promise<this> {
    await super.connect(options);
    this.#watcher.check();
    void this.#mediation.run();
    return this;
  }

  /** {@inheritDoc AgentClient.joinDid} `mediated` lets the DID pick up messages from a mediator; see `mediation`. */
  override async joinDid(did: string, options: JoinDidOptions & { readonly mediated?: boolean } = {}): Promise<JoinedDid> {
    const { mediated = false, ...join } = options;
    if (typeof mediated !== "boolean") throw new TypeError("mediated must be true or false");
    if (!mediated) return super.joinDid(did, join);
    const handlers = { ...join.handlers, ...this.#mediation.handlers(did) };
    return super.joinDid(did, { ...join, handlers, protocols: [...(join.protocols ?? []), COORDINATION] });
  }

  protected override prepare(message: Message): Message | Promise<Message> {
    if (this.#grants === undefined || message.from === undefined) return message;
    return this.#grants.attach(message, message.from);
  }

  protected override problemReported(problem: ProblemReportError, message: Message): void {
    this.#grants?.denied(problem, message);
  }

  protected override receiptVerifier(did: string): ReceiptVerifier {
    const endToEnd = this.#endToEnd;
    return endToEnd === undefined ? this.#receiptVerifier : agentReceiptVerifier(async () => (await endToEnd.held()).resolver(did));
  }

  override async close(): Promise<void> {
    this.#watcher.stop();
    this.#mediation.stop();
    await closeAll(
      () => super.close(),
      () => this.#opened?.close(),
      () => this.#endToEnd?.close(),
    );
  }

  /** The key with which this client signs as a DID. */
  async #signingKey(did: string): Promise<SigningKey | undefined> {
    return (await this.#endToEnd?.held())?.signingKey(did);
  }

  #credentials(): CredentialsClient {
    this.#opened ??= new CredentialsClient({
      ...this.#config.credentials,
      ...endpointFromEnvironment(this.#config),
      did: () => this.did,
      ...(this.#endToEnd && { signingKey: (did) => this.#signingKey(did) }),
    });
    return this.#opened;
  }
}

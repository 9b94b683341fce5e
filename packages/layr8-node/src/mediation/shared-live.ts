/** Receives what other nodes do about live delivery. */
export interface SharedLiveListener {
  /** Another node delivers to an agent from now on, or live delivery of the agent has ended. */
  onEnded(agent: string): void;
  /** Another node has queued an envelope for a DID. */
  onQueued(did: string): void;
  /** Notices may have been lost. Resolves when the queues of agents with live delivery were looked at. Must not reject. */
  onDoubt(): Promise<void>;
}

/** Live delivery on nodes that share their data: one of them delivers to an agent, and learns what the others have queued. */
export interface SharedLive {
  listen(listener: SharedLiveListener): void;
  /** This node delivers to an agent from now on. @throws StorageError `storage_failed` */
  claim(agent: string): Promise<void>;
  /** Live delivery of an agent has ended, wherever it was. @throws StorageError `storage_failed` */
  release(agent: string): Promise<void>;
  /** Whether another running node delivers to an agent. */
  isElsewhere(agent: string): boolean;
  /** Tells the other node that delivers to an agent, if there is one, that an envelope for a DID was queued. */
  notify(agent: string, did: string): void;
}

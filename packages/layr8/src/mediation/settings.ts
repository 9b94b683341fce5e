import { checkOption, type OptionCheck } from "@parley/core/eager";

/** Options of a client about its mediator. */
export interface MediationConfig {
  /**
   * DID of the agent's mediator, or `LAYR8_MEDIATOR_DID`. After each connect the client enrolls, names the mediator in its DID document, fetches what
   * waits, and turns live delivery on. Default: none.
   */
  readonly mediator?: string | undefined;
  /** Whether the mediator delivers at once while the client is connected. Default `true`, or `LAYR8_MEDIATOR_LIVE`. */
  readonly mediatorLive?: boolean;
  /**
   * How often the client asks the mediator whether live delivery is still on, in milliseconds, and turns it on again if not: a mediator that has restarted
   * does not remember it. Default 30,000; from 100 to a day.
   */
  readonly mediatorCheckMs?: number;
  /** Where messages from the mediator are posted: the node's own endpoint. Default: `/didcomm` of the node's origin, or `LAYR8_DIDCOMM_URL`. */
  readonly didcommUrl?: string | undefined;
}

/** The same options in the environment: LAYR8_MEDIATOR_DID, LAYR8_MEDIATOR_LIVE, LAYR8_DIDCOMM_URL. */
export interface MediationEnvironment {
  readonly mediator: string | undefined;
  readonly mediatorLive: string | undefined;
  readonly didcommUrl: string | undefined;
}

/** The options, with what the environment adds. */
export interface MediationSettings {
  readonly mediator: string | undefined;
  readonly isLive: boolean;
  readonly checkMs: number;
  readonly didcommUrl: string | undefined;
}

const IS_DID: OptionCheck = {
  expected: "a DID, such as did:web:mediator.example:inbox",
  is: (value) => typeof value === "string" && /^did:[a-z0-9]+:\S+$/.test(value),
};
const IS_BOOLEAN: OptionCheck = { expected: "true or false", is: (value) => typeof value === "boolean" };
const IS_PAUSE: OptionCheck = {
  expected: "a number of milliseconds from 100 to 86400000",
  is: (value) => typeof value === "number" && value >= 100 && value <= 86_400_000,
};
const IS_HTTP: OptionCheck = {
  expected: "an http or https URL",
  is: (value) => typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
};

/** Reads the options about the mediator. @throws TypeError naming the option or variable that is wrong. */
export function mediationSettings(
  { mediator, mediatorLive, mediatorCheckMs, didcommUrl }: MediationConfig,
  environment: MediationEnvironment,
): MediationSettings {
  const did = mediator || environment.mediator;
  checkOption(mediator ? "Config.mediator" : "LAYR8_MEDIATOR_DID", did, IS_DID);
  const url = didcommUrl || environment.didcommUrl;
  checkOption(didcommUrl ? "Config.didcommUrl" : "LAYR8_DIDCOMM_URL", url, IS_HTTP);
  checkOption("Config.mediatorLive", mediatorLive, IS_BOOLEAN);
  checkOption("Config.mediatorCheckMs", mediatorCheckMs, IS_PAUSE);
  const isOff = /^(?:0|false|no|off)$/i.test(environment.mediatorLive ?? "");
  return { mediator: did, isLive: mediatorLive ?? !isOff, checkMs: mediatorCheckMs ?? 30_000, didcommUrl: url };
}

/** The endpoint for other nodes, from the URL that agents connect to. */
export function didcommUrlOf(nodeUrl: string): string {
  const { protocol, host, pathname } = new URL(nodeUrl);
  const scheme = /^(?:wss|https):$/.test(protocol) ? "https:" : "http:";
  return `${scheme}//${host}${pathname.replace(/\/$/, "").replace(/\/plugin_socket\/websocket$/, "")}/didcomm`;
}

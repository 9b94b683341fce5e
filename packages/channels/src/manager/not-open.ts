import { checkChannelName } from "../channel-name.ts";
import { ChannelError, TransportError } from "../errors.ts";

/** The error for a channel that a manager has not opened. @throws ChannelError `bad_request` for an invalid name */
export function notOpen(name: string, isClosed: boolean): ChannelError | TransportError {
  if (isClosed) return new TransportError("closed", "the manager is closed");
  checkChannelName(name);
  return new ChannelError("not_found", `the channel ${name} is not open: create, join or open it first`);
}

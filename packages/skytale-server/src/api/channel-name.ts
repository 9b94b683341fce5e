import { ApiError } from "./api-error.ts";

/** One of a name's three components: 1 to 128 characters of printable ASCII without the slash. */
const COMPONENT = "[!-.0-~]{1,128}";
const NAME = new RegExp(`^${COMPONENT}/${COMPONENT}/${COMPONENT}$`);

/** @throws ApiError `invalid_channel_name` */
export function checkChannelName(name: string): void {
  if (!NAME.test(name)) {
    // The message quotes the name unchanged, so that users recognise it. Only its length is bounded.
    const shown = name.length > 400 ? `${name.slice(0, 400)}…` : name;
    throw new ApiError("invalid_channel_name", `invalid channel name: ${shown} (expected org/namespace/service)`);
  }
}

/** The org in a channel's name, which was checked. */
export function orgOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

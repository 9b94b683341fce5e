/** Sessions whose names begin so are a bridge's own: nobody else's message is ever put into one. */
export const OWN_SESSION = "bridge.";

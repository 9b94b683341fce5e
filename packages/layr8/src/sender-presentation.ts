/** `format` of the attachment that presents the sender's credentials to the recipient's node. */
export const SENDER_PRESENTATION = "sender_presentation/1";

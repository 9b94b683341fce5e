/** @see {@link https://didcomm.org/coordinate-mediation/3.0/ | Coordinate Mediation 3.0} */
export const COORDINATION = "https://didcomm.org/coordinate-mediation/3.0";
/** @see {@link https://didcomm.org/messagepickup/3.0/ | Message Pickup 3.0} */
export const PICKUP = "https://didcomm.org/messagepickup/3.0";
/** Type of the response to most requests. One that comes after its request has ended says nothing. */
export const STATUS = "https://didcomm.org/messagepickup/3.0/status";
/** Type of a message with envelopes: the response to a request, or sent in live mode. */
export const DELIVERY = "https://didcomm.org/messagepickup/3.0/delivery";

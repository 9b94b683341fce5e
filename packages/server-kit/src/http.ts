export { Authentication, type AuthenticationOptions } from "./http/authentication.ts";
export { addErrorHandler, type ErrorMapping, type ErrorObserver, type ErrorResponse, errorResponse } from "./http/error-response.ts";
export { jsonParser } from "./http/json-body.ts";
export { listen, portOf } from "./http/listen.ts";
export { addOpenapi, HIDDEN, type NamedSchemas, type OpenapiOptions } from "./http/openapi.ts";
export {
  addStatusRoutes,
  healthOfWrites,
  ignoreBodies,
  listenStatus,
  type HealthCheck,
  type StatusListener,
  type StatusSource,
} from "./http/status.ts";

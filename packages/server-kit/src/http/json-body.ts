import type { FastifyInstance, FastifyRequest } from "fastify";

/**
 * Creates the parser of JSON bodies. An empty body counts as absent, since many clients send a content type without a body. Members named
 * `__proto__` and `constructor` are rejected.
 */
export function jsonParser(app: FastifyInstance): (request: FastifyRequest, body: string) => Promise<unknown> {
  const parse = app.getDefaultJsonParser("error", "error");
  return (request, body) =>
    new Promise((resolve, reject) => {
      if (body === "") resolve(undefined);
      else void parse(request, body, (error, value: unknown) => (error === null ? resolve(value) : reject(error)));
    });
}

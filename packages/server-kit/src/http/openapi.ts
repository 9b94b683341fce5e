import swagger from "@fastify/swagger";
import type { JsonObject } from "@parley/core";
import type { FastifyInstance, FastifySchema } from "fastify";
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from "fastify-type-provider-zod";
import type { z } from "zod";

/** A registry of schemas that get a name of their own in the OpenAPI document. */
export type NamedSchemas = z.core.$ZodRegistry<{ id?: string | undefined; description?: string | undefined }>;

/** The schema of routes that are not in the document. */
export const HIDDEN: FastifySchema = { hide: true };

/** Options of {@link addOpenapi}. */
export interface OpenapiOptions {
  readonly title: string;
  readonly description: string;
  /** The security scheme of all calls, by name. */
  readonly security: Readonly<Record<string, { readonly type: "apiKey"; readonly in: "header"; readonly name: string } | HttpScheme>>;
  readonly named?: NamedSchemas;
  /** Adapts the document before it is served. */
  readonly tidy: (document: JsonObject) => JsonObject;
}

interface HttpScheme {
  readonly type: "http";
  readonly scheme: string;
  readonly description: string;
}

/** Validates and serializes the calls of an app by their zod schemas, and serves their description at `/openapi.json`. */
export async function addOpenapi(app: FastifyInstance, options: OpenapiOptions): Promise<void> {
  const { title, description, security, named, tidy } = options;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title, description, version: "1" },
      components: { securitySchemes: { ...security } },
      security: [Object.fromEntries(Object.keys(security).map((name) => [name, []]))],
    },
    transform: createJsonSchemaTransform(named === undefined ? {} : { schemaRegistry: named }),
    ...(named !== undefined && { transformObject: createJsonSchemaTransformObject({ schemaRegistry: named }) }),
  });
  let document: string | undefined;
  app.get("/openapi.json", { schema: HIDDEN }, (_request, reply) => {
    document ??= JSON.stringify(tidy(app.swagger() as unknown as JsonObject));
    return reply.type("application/json").send(document);
  });
}

import type { JsonObject } from "@parley/core";

/** A class whose instances a body can become. */
export type BodyClass<Instance extends object> = new (...args: never[]) => Instance;

/**
 * Makes an instance of a class from a body. A constructor with parameters gets the body. Otherwise the instance gets the body's members,
 * except those that the class has already as methods or accessors: a sender must not replace what a class does.
 *
 * @throws TypeError for a function that is not a class; what the constructor throws.
 */
export function constructBody<Instance extends object>(construct: BodyClass<Instance>, body: JsonObject): Instance {
  if (construct.prototype === undefined) throw new TypeError("unmarshalBody takes a class or a schema, not a function");
  const instance = new (construct as new (body: JsonObject) => Instance)(body);
  if (construct.length > 0) return instance;
  for (const [member, value] of Object.entries(body)) {
    if (Object.hasOwn(instance, member) || !(member in instance)) Object.assign(instance, { [member]: value });
  }
  return instance;
}

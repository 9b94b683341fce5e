import { createMessage, type JsonObject } from "@parley/core";
import { describe, expect, it } from "vitest";

import { createReceived } from "../src/inbound-message.ts";

const received = (body: JsonObject) => createReceived(createMessage({ type: "https://example.com/order/1.0/new", body }), undefined, body);

class Order {
  readonly item: string;
  readonly count: number;
  constructor(body: { readonly item: string; readonly count: number }) {
    this.item = body.item.toUpperCase();
    this.count = body.count;
  }
}

class Draft {
  item = "";
  count = 1;
  get label(): string {
    return `${this.count} × ${this.item}`;
  }
  isLarge(): boolean {
    return this.count > 10;
  }
}

describe("unmarshalBody with a class", () => {
  it("gives the body to a constructor that has parameters", () => {
    const order: Order = received({ item: "tea", count: 2 }).unmarshalBody(Order);
    expect(order).toBeInstanceOf(Order);
    expect(order).toEqual(new Order({ item: "tea", count: 2 }));
  });

  it("rejects a function that is not a class", () => {
    const notClass = ((body: object) => body) as unknown as typeof Draft;
    expect(() => received({}).unmarshalBody(notClass)).toThrow(new TypeError("unmarshalBody takes a class or a schema, not a function"));
  });

  it("assigns the body's members to an instance of any other class, and keeps its defaults", () => {
    const draft: Draft = received({ item: "tea", note: "hot" }).unmarshalBody(Draft);
    expect(draft).toBeInstanceOf(Draft);
    expect(draft).toMatchObject({ item: "tea", count: 1, note: "hot", label: "1 × tea" });
  });

  it("does not let a body replace methods of the class", () => {
    const body = JSON.parse(
      '{"isLarge":true,"label":"free","constructor":7,"__proto__":{"isLarge":1},"toString":1,"count":11}',
    ) as JsonObject;
    const draft = received(body).unmarshalBody(Draft);
    expect(Object.getPrototypeOf(draft)).toBe(Draft.prototype);
    expect(draft.isLarge()).toBe(true);
    expect(draft.label).toBe("11 × ");
    expect(draft.constructor).toBe(Draft);
  });

  it("passes on what the constructor throws", () => {
    expect(() => received({}).unmarshalBody(Order)).toThrow(TypeError);
  });

  it.each([{}, "Order", 7])("rejects what is neither a class nor a schema: %j", (target) => {
    expect(() => received({}).unmarshalBody(target as unknown as typeof Order)).toThrow(/Standard Schema/);
  });
});

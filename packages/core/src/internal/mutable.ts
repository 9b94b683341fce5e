/** What is still being put together. Members that may be absent are assigned one by one: spreading them in costs several times as much. */
export type Mutable<T> = { -readonly [Member in keyof T]: T[Member] };

export { SlimAdapter, type SlimAdapterOptions, type SlimMessage, type SlimPublishOptions } from "./slim-adapter.ts";

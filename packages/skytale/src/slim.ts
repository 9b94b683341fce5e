// Publish and subscribe on channels, with SLIM's names.
export { SlimAdapter, type SlimAdapterOptions, type SlimMessage, type SlimPublishOptions } from "@parley/envelope-and-adapters/slim";
export { AdapterError, type AdapterErrorCode } from "@parley/envelope-and-adapters";

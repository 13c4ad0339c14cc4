export { copyJson, NotJsonError } from "./json-copy.ts";
export { describeIssues, SchemaMismatch, WireCodec } from "./wire-codec.ts";

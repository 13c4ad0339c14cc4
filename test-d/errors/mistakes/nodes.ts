import { flow } from "flowkit";
import { count, extract, textual } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

const anyId: string = "extract";
const knownId = "w";
const eitherId = ["u", "v"].includes("u") ? "u" : "v";
const isLong = (): boolean => true;
const patternId: `n${number}` = `n${1}`;

/** Ids and dependencies of nodes. */
export const nodeMistakes: readonly Mistake[] = [
  {
    rule: "source with two parents",
    words: "node 'w': handler 'extractor' declares no input (it is a source), so it cannot depend on 'extract, count'",
    token: "extract",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { after: ["extract", "count"], args: { batchSize: 1 } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
  {
    rule: "unknown node in after",
    words: "node 'w': 'extrct' is not a node declared before it",
    token: '"extrct"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extrct"] }),
    right: () => etl.node("w", count, { after: ["extract"] }),
  },
  {
    rule: "node in after that is not a literal",
    words: "node 'w': an id in 'after' is not a string literal: add 'as const' to the id itself",
    token: "...",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract", ...(isLong() ? ["more"] : [])] }),
    right: () =>
      etl
        .node("more", extract, { args: { batchSize: 1 } })
        .node("w", count, { after: ["extract", ...(isLong() ? ["more" as const] : [])] }),
  },
  {
    rule: "source outside after",
    words: "node 'w' reads from 'count', which is not in its 'after'",
    token: '"count"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["count"] } }),
    right: () =>
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["extract"] } }),
  },
  {
    rule: "unknown source",
    words: "node 'w' reads from 'nope', which is not a node declared before it",
    token: '"nope"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["nope"] } }),
    right: () =>
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["extract"] } }),
  },
  {
    rule: "duplicate id",
    words: "node id 'extract' is already used in this flow",
    token: '"extract"',
    make: () =>
      // @ts-expect-error
      etl.node("extract", count, { after: ["extract"] }),
    right: () => etl.node("extract2", count, { after: ["extract"] }),
  },
  {
    rule: "invalid id",
    words: "invalid node id 'a b'",
    token: '"a b"',
    make: () =>
      // @ts-expect-error
      etl.node("a b", count, { after: ["extract"] }),
    right: () => etl.node("a_b", count, { after: ["extract"] }),
  },
  {
    rule: "id that is not a literal",
    words: "a node id must be a string literal, so that later nodes can refer to it",
    token: "anyId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.node(anyId, count, { after: ["extract"] }),
    right: () => etl.node(knownId, count, { after: ["extract"] }),
  },
  {
    rule: "input of a root",
    words: "node 'w' is a root: 'input' has nothing to read",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1 }, input: { adapter: "pull.from_artifacts" } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
  {
    rule: "source with a parent",
    words: "node 'w': handler 'extractor' declares no input (it is a source), so it cannot depend on 'count'",
    token: "extract",
    make: () =>
      // @ts-expect-error
      etl.then("w", extract, { args: { batchSize: 1 } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
  {
    rule: "id of several literals",
    words: "a node id must be a string literal, so that later nodes can refer to it",
    token: "eitherId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.node(eitherId, count, { after: ["extract"] }),
    right: () => etl.node(knownId, count, { after: ["extract"] }),
  },
  {
    rule: "id that is a pattern",
    words: "a node id must be a string literal, so that later nodes can refer to it",
    token: "patternId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.node(patternId, count, { after: ["extract"] }),
    right: () => etl.node(knownId, count, { after: ["extract"] }),
  },
  {
    rule: "id of a function that is not a literal",
    words: "a node id must be a string literal, so that later nodes can refer to it",
    token: "anyId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.fn(anyId, "noop"),
    right: () => etl.fn(knownId, "noop"),
  },
  {
    rule: "option under another name",
    words: "node 'w': unknown option 'dependsOn' (did you mean 'after'?)",
    token: "dependsOn",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { dependsOn: ["extract"] }),
    right: () => etl.node("w", count, { after: ["extract"] }),
  },
  {
    rule: "misspelt option of a function",
    words: "node 'w': unknown option 'timoutSec' (did you mean 'timeoutSec'?)",
    token: "timoutSec",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "noop", { timoutSec: 3 }),
    right: () => etl.fn("w", "noop", { timeoutSec: 3 }),
  },
  {
    rule: "id that every object has as a key",
    words: "node id 'constructor' is not allowed: as a key of an object, it could change the object's prototype",
    token: '"constructor"',
    make: () =>
      // @ts-expect-error
      etl.node("constructor", count, { after: ["extract"] }),
    right: () => etl.node("toString", count, { after: ["extract"] }),
  },
  {
    rule: "flow without nodes",
    words: "this flow has no nodes: add one with .node(id, handler) before compile()",
    token: "flow()",
    make: () => ({
      compile: () =>
        // @ts-expect-error
        flow().compile(),
    }),
    right: () => flow().node("a", textual),
  },
];

import { defineCoordinatorFn, param } from "flowkit";
import * as z from "zod";
import { notify } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

const _anyId: string = "extract";
const _knownId = "w";
const _eitherId = ["u", "v"].includes("u") ? "u" : "v";
const _patternId: `n${number}` = `n${1}`;

const digest = defineCoordinatorFn("digest", {
  args: z.object({
    of: z.array(z.string()),
    mode: z.enum(["brief", "full"]).optional(),
    to: z.object({ name: z.string(), tags: z.array(z.string()).optional() }).optional(),
  }),
  nodeArgs: ["of"],
  output: z.object({}),
  run: () => ({}),
});

/** Coordinator functions and their arguments. */
export const functionMistakes: readonly Mistake[] = [
  {
    rule: "unknown function",
    words: "node 'w': 'vars.sett' is not a built-in coordinator function",
    token: '"vars.sett"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.sett", { args: { kv: {} } }),
    right: () => etl.fn("w", "vars.set", { args: { kv: {} } }),
  },
  {
    rule: "args of a function missing",
    words: "node 'w': fn 'slack.notify' needs args (missing: channel)",
    token: "notify",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { after: ["count"] }),
    right: () => etl.fn("w", notify, { after: ["count"], args: { channel: "#data" } }),
  },
  {
    rule: "args of a built-in function missing",
    words: "node 'w': fn 'vars.set' needs args (missing: kv)",
    token: '"vars.set"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.set", { after: ["count"] }),
    right: () => etl.fn("w", "vars.set", { after: ["count"], args: { kv: { done: true } } }),
  },
  {
    rule: "unknown argument of a function",
    words: "node 'w': fn 'vars.incr' does not accept argument 'step'",
    token: "step",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.incr", { args: { key: "runs", step: 1 } }),
    right: () => etl.fn("w", "vars.incr", { args: { key: "runs", by: 1 } }),
  },
  {
    rule: "unknown parent of a function",
    words: "node 'w': 'nope' is not a node declared before it",
    token: '"nope"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "noop", { after: ["nope"] }),
    right: () => etl.fn("w", "noop", { after: ["count"] }),
  },
  {
    rule: "one of the args of a function missing",
    words: "node 'w': fn 'slack.notify' needs args (missing: channel)",
    token: "notify",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { after: ["count"], args: { retries: 1 } }),
    right: () => etl.fn("w", notify, { after: ["count"], args: { retries: 1, channel: "#data" } }),
  },
  {
    rule: "one of the args of a built-in function missing",
    words: "node 'w': fn 'merge.generic' needs args (missing: target)",
    token: '"merge.generic"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"] } }),
    right: () =>
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"], target: { key: "all" } } }),
  },
  {
    rule: "argument of a function of another type",
    words: "node 'w': fn 'slack.notify': args.channel is 1, needs string",
    token: "channel",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: 1 } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data" } }),
  },
  {
    rule: "argument of a built-in function of another type",
    words: "node 'w': fn 'vars.incr': args.by is \"1\", needs number",
    token: "by",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.incr", { args: { key: "runs", by: "1" } }),
    right: () => etl.fn("w", "vars.incr", { args: { key: "runs", by: 1 } }),
  },
  {
    rule: "argument of a function of another type, beside a parameter",
    words: "node 'w': fn 'slack.notify': args.channel is 1, needs string",
    token: "channel",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: 1, retries: param("n") } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data", retries: param("n") } }),
  },
  {
    rule: "argument of a function of another type, inside",
    words: "node 'w': fn 'digest': args.to.name is 1, needs string",
    token: "name",
    make: () =>
      // @ts-expect-error
      etl.fn("w", digest, { args: { of: ["count"], to: { name: 1 } } }),
    right: () => etl.fn("w", digest, { args: { of: ["count"], to: { name: "Ada" } } }),
  },
  {
    rule: "argument of a function of another type, in a list",
    words: "node 'w': fn 'digest': args.to.tags[1] is 2, needs string",
    token: "2",
    make: () =>
      // @ts-expect-error
      etl.fn("w", digest, { args: { of: ["count"], to: { name: "Ada", tags: ["a", 2] } } }),
    right: () => etl.fn("w", digest, { args: { of: ["count"], to: { name: "Ada", tags: ["a", "b"] } } }),
  },
  {
    rule: "key missing inside an argument of a function",
    words: "node 'w': fn 'digest': args.to.name is missing (needs string)",
    token: "to",
    make: () =>
      // @ts-expect-error
      etl.fn("w", digest, { args: { of: ["count"], to: {} } }),
    right: () => etl.fn("w", digest, { args: { of: ["count"], to: { name: "Ada" } } }),
  },
  {
    rule: "argument of a function that is not one of its literals",
    words: "node 'w': fn 'digest': args.mode is \"breif\", needs ",
    token: "mode",
    make: () =>
      // @ts-expect-error
      etl.fn("w", digest, { args: { of: ["count"], mode: "breif" } }),
    right: () => etl.fn("w", digest, { args: { of: ["count"], mode: "brief" } }),
  },
  {
    rule: "argument of a function that is not a list",
    words: "node 'w': fn 'merge.generic': args.fromNodes is \"count\", needs string[]",
    token: "fromNodes",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: "count", target: { key: "all" } } }),
    right: () =>
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"], target: { key: "all" } } }),
  },
  {
    rule: "argument of a function that is a list",
    words: "node 'w': fn 'slack.notify': args.channel is [\"#data\"], needs string",
    token: "channel",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: ["#data"] } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data" } }),
  },
  {
    rule: "argument of a function that is not JSON",
    words: "node 'w': fn 'vars.set': args.kv.at cannot be stored as JSON",
    token: "at:",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.set", { args: { kv: { at: new Date(0) } } }),
    right: () => etl.fn("w", "vars.set", { args: { kv: { at: "1970-01-01" } } }),
  },
  {
    rule: "unknown node in the arguments of a custom function",
    words: "node 'w' reads from 'cuont', which is not a node declared before it",
    token: '"cuont"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", digest, { args: { of: ["extract", "cuont"] } }),
    right: () => etl.fn("w", digest, { args: { of: ["extract", "count"] } }),
  },
  {
    rule: "unknown argument of a custom function",
    words: "node 'w': fn 'slack.notify' does not accept argument 'text'",
    token: "text",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: "#data", text: "done" } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data" } }),
  },
  {
    rule: "unknown node to merge",
    words: "node 'w' reads from 'cuont', which is not a node declared before it",
    token: '"cuont"',
    make: () =>
      etl.fn("w", "merge.generic", {
        after: ["extract", "count"],
        // @ts-expect-error
        args: { fromNodes: ["extract", "cuont"], target: { key: "all" } },
      }),
    right: () =>
      etl.fn("w", "merge.generic", {
        after: ["extract", "count"],
        args: { fromNodes: ["extract", "count"], target: { key: "all" } },
      }),
  },
  {
    rule: "node to merge outside after",
    words: "node 'w' reads from 'extract', which is not in its 'after'",
    token: '"extract"',
    make: () =>
      etl.fn("w", "merge.generic", {
        after: ["count"],
        // @ts-expect-error
        args: { fromNodes: ["extract", "count"], target: { key: "all" } },
      }),
    right: () =>
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"], target: { key: "all" } } }),
  },
  {
    rule: "target of a merge that is another node",
    words: "node 'w' stores the merged result under its own id: its target cannot be 'count'",
    token: "nodeId",
    make: () =>
      etl.fn("w", "merge.generic", {
        after: ["count"],
        // @ts-expect-error
        args: { fromNodes: ["count"], target: { key: "all", nodeId: "count" } },
      }),
    right: () =>
      etl.fn("w", "merge.generic", {
        after: ["count"],
        args: { fromNodes: ["count"], target: { key: "all", nodeId: "w" } },
      }),
  },
  {
    rule: "unknown key deep in a function's args",
    words: "node 'w': fn 'merge.generic': unexpected key args.target.label (its schema accepts no other keys)",
    ownWords: "TypeScript says that the object may not have the key, on the key",
    token: "label",
    make: () =>
      etl.fn("w", "merge.generic", {
        after: ["count"],
        // @ts-expect-error
        args: { fromNodes: ["count"], target: { key: "all", label: "x" } },
      }),
    right: () =>
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"], target: { key: "all" } } }),
  },
  {
    rule: "node to measure outside after",
    words: "node 'w' reads from 'extract', which is not in its 'after'",
    token: "nodeId",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "metrics.aggregate", { after: ["count"], args: { nodeId: "extract" } }),
    right: () => etl.fn("w", "metrics.aggregate", { after: ["count"], args: { nodeId: "count" } }),
  },
  {
    rule: "parameter of another type, in a function's args",
    words: "parameter 'n' is number, 'channel' needs string",
    token: '"n"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: param("n") } }),
    right: () => etl.fn("w", notify, { args: { channel: param("date"), retries: param("n") } }),
  },
  {
    rule: "parameter of another type, in a built-in function's args",
    words: "parameter 'date' is string, 'by' needs number",
    token: '"date"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.incr", { args: { key: "runs", by: param("date") } }),
    right: () => etl.fn("w", "vars.incr", { args: { key: "runs", by: param("n") } }),
  },
  {
    rule: "parameter of another type that was written before, in a function's args",
    words: "parameter 'n' is number, 'channel' needs string",
    token: "channel",
    make: () => {
      const n = param("n");
      // @ts-expect-error
      return etl.fn("w", notify, { args: { channel: n } });
    },
    right: () => etl.fn("w", notify, { args: { channel: param("date") } }),
  },
  {
    rule: "unknown parameter in a function's args",
    words: "'day' is not a parameter of this flow",
    token: '"day"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.set", { args: { kv: { on: { day: param("day") } } } }),
    right: () => etl.fn("w", "vars.set", { args: { kv: { on: { day: param("date") } } } }),
  },
];

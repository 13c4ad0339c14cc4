import { FlowError } from "../../../errors/index.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { forbiddenKeys, namePattern } from "../../../graph/format/names.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { schemaFault } from "../../../graph/format/standard-schema.ts";
import { isWorkerType } from "../../../graph/index.ts";
import { isSchema, withZodSchemas } from "../../model/schema.ts";
import { isSuggested, suggestionProblems } from "../suggestion/check.ts";
import { notJsonIn } from "./not-json.ts";

const schemaMembers = ["input", "output", "args", "result"] as const;
const storedMembers = ["output", "args", "result"] as const;
const methodMembers = [
  "setup",
  "teardown",
  "loadInput",
  "iterBatches",
  "processBatch",
  "finalize",
  "classifyError",
] as const;
const members: ReadonlySet<string> = new Set([
  ...schemaMembers,
  ...methodMembers,
  "errors",
  "resumable",
  "concurrency",
  "external",
  "inputAdapter",
]);

/** What other libraries call the members of a handler. */
export const memberSynonyms = {
  process: "processBatch",
  handle: "processBatch",
  execute: "processBatch",
  run: "processBatch",
  params: "args",
  init: "setup",
  close: "teardown",
} as const;

/** All concurrent batches are held in memory: a larger number is probably a mistake. */
const mostConcurrency = 1_000;

/** Every problem with the definition of a handler, as messages. */
export function handlerProblems(name: unknown, options: unknown): string[] {
  if (typeof name !== "string" || !namePattern.test(name))
    return [formatMessage("handlerName", { name: String(name) })];
  if (forbiddenKeys.has(name)) return [formatMessage("nameForbidden", { what: "handler name", name })];
  if (!isWorkerType(name)) return [formatMessage("handlerNameReserved", { name })];
  if (typeof options !== "object" || options === null) return [formatMessage("handlerOptions", { handler: name })];
  const definition = options as Readonly<Record<string, unknown>>;
  return [
    ...unknownMembers(name, definition),
    ...memberTypes(name, definition),
    ...missingMembers(name, definition),
    ...notStorable(name, definition),
    ...suggestion(name, definition),
  ];
}

type Definition = Readonly<Record<string, unknown>>;

function unknownMembers(handler: string, definition: Definition): string[] {
  return Object.keys(definition)
    .filter((member) => !members.has(member))
    .map((member) => withHint(formatMessage("handlerMember", { handler, member }), member, members, memberSynonyms));
}

function memberTypes(handler: string, definition: Definition): string[] {
  const wrong = (member: string, needs: string) => formatMessage("handlerMemberType", { handler, member, needs });
  const given = <TMember extends string>(list: readonly TMember[]) =>
    list.filter((member) => definition[member] !== undefined);
  const problems = [
    ...given(schemaMembers).flatMap((member) => {
      const needs = schemaFault(definition[member]);
      return needs === undefined ? [] : [wrong(member, needs)];
    }),
    ...given(methodMembers).flatMap((member) =>
      typeof definition[member] === "function" ? [] : [wrong(member, "a function")],
    ),
  ];
  const { errors, resumable, concurrency, external } = definition;
  const isCodes = Array.isArray(errors) && errors.every((code) => typeof code === "string" && code !== "");
  if (errors !== undefined && !isCodes) problems.push(wrong("errors", "a list of reason codes"));
  if (resumable !== undefined && typeof resumable !== "boolean") problems.push(wrong("resumable", "true or false"));
  const isCount = Number.isInteger(concurrency) && Number(concurrency) >= 1 && Number(concurrency) <= mostConcurrency;
  if (concurrency !== undefined && !isCount) {
    problems.push(wrong("concurrency", `an integer from 1 to ${mostConcurrency}`));
  }
  if (external !== undefined && external !== "reads" && external !== "writes") {
    problems.push(wrong("external", "'reads' or 'writes'"));
  }
  return problems;
}

function suggestion(handler: string, { inputAdapter, input }: Definition): string[] {
  if (inputAdapter === undefined) return [];
  if (isSuggested(inputAdapter)) return suggestionProblems(handler, inputAdapter, input);
  return [
    formatMessage("handlerMemberType", { handler, member: "inputAdapter", needs: "an object with an 'adapter'" }),
  ];
}

function missingMembers(handler: string, definition: Definition): string[] {
  const problems: string[] = [];
  if (definition.output === undefined) problems.push(formatMessage("handlerNeeds", { handler, member: "output" }));
  if (definition.processBatch === undefined && definition.iterBatches === undefined) {
    problems.push(formatMessage("handlerNeeds", { handler, member: "processBatch" }));
  }
  if (definition.result !== undefined && definition.finalize === undefined) {
    problems.push(formatMessage("handlerNeeds", { handler, member: "finalize" }));
  }
  return problems;
}

function notStorable(handler: string, definition: Definition): string[] {
  return storedMembers.flatMap((what) => {
    const schema = definition[what];
    if (!isSchema(schema)) return [];
    const places = notJsonIn(schema, what);
    return places.length === 0
      ? []
      : [formatMessage("notJson", { owner: "handler", name: handler, what, where: places.join(", ") })];
  });
}

/** The required and the optional members of a definition. */
export interface MemberRules {
  readonly schemas: readonly string[];
  readonly optionalSchemas?: readonly string[];
  /** The schemas whose wire form must be JSON. */
  readonly stored?: readonly string[];
  readonly nameLists?: readonly string[];
  readonly method: string;
}

/**
 * A custom input adapter or coordinator function, frozen.
 *
 * @throws FlowError `FLOW_INVALID` naming every problem
 */
export function ownDefinition<TKind extends string>(options: {
  readonly kind: TKind;
  /** Its kind, as messages name it. */
  readonly what: string;
  readonly name: unknown;
  readonly given: object;
  readonly rules: MemberRules;
  readonly isTaken: (name: string) => boolean;
}): { readonly kind: TKind; readonly name: string } {
  const { kind, what, name, rules, isTaken } = options;
  const given = withZodSchemas(options.given);
  const problems = [
    ...nameProblems({ what, name, isTaken }),
    ...memberProblems({ what, name: String(name), given, rules }),
  ];
  if (problems.length > 0) throw new FlowError("FLOW_INVALID", problems.join("\n"), { details: { problems } });
  return Object.freeze({ ...given, kind, name: String(name) });
}

function nameProblems(named: {
  readonly what: string;
  readonly name: unknown;
  readonly isTaken: (name: string) => boolean;
}): string[] {
  const { what, name, isTaken } = named;
  if (typeof name !== "string" || name === "") {
    return [formatMessage("definitionName", { name: String(name), what, why: "it must be a non-empty string" })];
  }
  return isTaken(name) ? [formatMessage("definitionName", { name, what, why: "a built-in one has this name" })] : [];
}

const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === "string");

function memberProblems(definition: {
  readonly what: string;
  readonly name: string;
  readonly given: object;
  readonly rules: MemberRules;
}): string[] {
  const { what, name, given, rules } = definition;
  const members: Readonly<Record<string, unknown>> = { ...given };
  const wrong = (member: string, needs: string) => formatMessage("definitionMember", { what, name, member, needs });
  const { schemas, optionalSchemas = [], stored = [], nameLists = [], method } = rules;
  const isGiven = (member: string) => members[member] !== undefined;
  const toBeSchemas = [...schemas, ...optionalSchemas.filter(isGiven)];
  return [
    ...toBeSchemas.flatMap((member) => {
      const needs = schemaFault(members[member]);
      return needs === undefined ? [] : [wrong(member, needs)];
    }),
    ...stored.flatMap((member) => {
      const schema = members[member];
      const places = isSchema(schema) ? notJsonIn(schema, member) : [];
      return places.length === 0
        ? []
        : [formatMessage("notJson", { owner: what, name, what: member, where: places.join(", ") })];
    }),
    ...nameLists
      .filter((member) => isGiven(member) && !isNames(members[member]))
      .map((member) => wrong(member, "a list of strings")),
    ...(typeof members[method] === "function" ? [] : [wrong(method, "a function")]),
  ];
}

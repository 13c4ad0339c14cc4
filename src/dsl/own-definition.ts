import { FlowError } from "../errors/index.ts";
import { say, zodSchema } from "../graph/format/messages.ts";
import { isSchema, notJsonIn } from "./schema-facts.ts";

/** Members of a definition that must be there, or may be. */
export interface MemberRules {
  readonly schemas: readonly string[];
  readonly optionalSchemas?: readonly string[];
  /** Those whose wire form must be JSON. */
  readonly stored?: readonly string[];
  readonly nameLists?: readonly string[];
  readonly method: string;
}

/**
 * An input adapter or a coordinator function of the user's, frozen.
 *
 * @throws FlowError `FLOW_INVALID` naming every problem
 */
export function ownDefinition<TKind extends string>(options: {
  readonly kind: TKind;
  /** What to call it in messages. */
  readonly what: string;
  readonly name: unknown;
  readonly given: object;
  readonly rules: MemberRules;
  readonly isTaken: (name: string) => boolean;
}): { readonly kind: TKind; readonly name: string } {
  const { kind, what, name, given, rules, isTaken } = options;
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
    return [say("definitionName", { name: String(name), what, why: "it must be a non-empty string" })];
  }
  return isTaken(name) ? [say("definitionName", { name, what, why: "a built-in one has this name" })] : [];
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
  const wrong = (member: string, needs: string) => say("definitionMember", { what, name, member, needs });
  const { schemas, optionalSchemas = [], stored = [], nameLists = [], method } = rules;
  const isGiven = (member: string) => members[member] !== undefined;
  const toBeSchemas = [...schemas, ...optionalSchemas.filter(isGiven)];
  return [
    ...toBeSchemas.flatMap((member) => (isSchema(members[member]) ? [] : [wrong(member, zodSchema)])),
    ...stored.flatMap((member) => {
      const schema = members[member];
      const places = isSchema(schema) ? notJsonIn(schema, member) : [];
      return places.length === 0 ? [] : [say("notJson", { owner: what, name, what: member, where: places.join(", ") })];
    }),
    ...nameLists
      .filter((member) => isGiven(member) && !isNames(members[member]))
      .map((member) => wrong(member, "a list of strings")),
    ...(typeof members[method] === "function" ? [] : [wrong(method, "a function")]),
  ];
}

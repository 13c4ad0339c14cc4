import { say } from "../messages.ts";
import { cut } from "../quoted.ts";
import { type DataType, elementOf, type ObjectType, unionOf } from "./data-type.ts";
import { type Fit, fieldFault, refusedKeys } from "./fit.ts";
import { showType } from "./show-type.ts";

/** At the sixth level the types are shown as they are: a type that contains itself has no last level. */
const deepest = 6;

/**
 * Every place where one type does not fit another, in one text; `undefined` when it fits.
 *
 * @example
 * mismatchText(readSchema(given), readSchema(wanted), new Fit()) // ".rows[].id is string, needs number"
 */
export function mismatchText(given: DataType, wanted: DataType, fit: Fit): string | undefined {
  if (fit.fits(given, wanted)) return undefined;
  const faults = mismatches({ given, wanted, path: "", depth: 0 }, fit);
  return (faults.length === 0 ? [clash({ given, wanted, path: "" })] : faults).join(", ");
}

interface Place {
  readonly given: DataType;
  readonly wanted: DataType;
  readonly path: string;
}

function mismatches(place: Place & { readonly depth: number }, fit: Fit): readonly string[] {
  const { given, wanted, path, depth } = place;
  if (fit.fits(given, wanted)) return [];
  const faults = depth === deepest ? [] : inside();
  return faults.length === 0 ? [clash(place)] : faults;

  function inside(): readonly string[] {
    if (given.kind === "list" && wanted.kind === "list") {
      const elements = { given: elementOf(given), wanted: elementOf(wanted), path: `${path}[]`, depth: depth + 1 };
      return mismatches(elements, fit);
    }
    const [from, to] = [asObject(given), asObject(wanted)];
    return from === undefined || to === undefined ? [] : inKeys(from, to);
  }

  function inKeys(from: ObjectType, to: ObjectType): readonly string[] {
    const faults = [...to.fields].flatMap(([key, needed]) => {
      const at = `${path}.${cut(key)}`;
      const fault = fieldFault(from, key, needed);
      if (fault !== undefined) {
        const values = { path: at, needed: showType(needed.type()) };
        return [say(fault === "missing" ? "keyMissing" : "keyMayBeMissing", values)];
      }
      const type = from.fields.get(key)?.type ?? from.others;
      return type === undefined
        ? []
        : mismatches({ given: type(), wanted: needed.type(), path: at, depth: depth + 1 }, fit);
    });
    const refused = refusedKeys(from, to).map((key) => say("keyNotTaken", { path: `${path}.${cut(key)}` }));
    return [...faults, ...refused];
  }
}

/** Several objects as one: with the keys that all of them have, of any of the types that they have there. */
function asObject(type: DataType): ObjectType | undefined {
  if (type.kind === "object") return type;
  if (type.kind !== "union") return undefined;
  const objects = type.members.filter((member) => member.kind === "object");
  const [first, ...rest] = objects;
  if (first === undefined || objects.length < type.members.length) return undefined;
  const common = [...first.fields].flatMap(([key, field]) => {
    const fields = [field, ...rest.flatMap((object) => object.fields.get(key) ?? [])];
    if (fields.length < objects.length) return [];
    const whole = unionOf(fields.map((one) => one.type()));
    return [[key, { type: () => whole, optional: fields.some((one) => one.optional) }] as const];
  });
  return { kind: "object", fields: new Map(common), others: undefined, closed: false };
}

function clash({ given, wanted, path }: Place): string {
  const at = path === "" ? "the whole payload" : path;
  return say("clash", { path: at, given: showType(given), needed: showType(wanted) });
}

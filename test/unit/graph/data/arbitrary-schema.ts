import fc from "fast-check";
import * as z from "zod";

/** A schema with sample values, at least one for each of its alternatives. */
export interface Producer {
  readonly schema: z.ZodType;
  readonly values: readonly unknown[];
  /** Schemas that accept all of its values, judged by types. */
  readonly wider: readonly z.ZodType[];
}

const scalars: readonly Producer[] = [
  { schema: z.string(), values: ["", "x"], wider: [z.unknown(), z.nullable(z.string())] },
  { schema: z.number(), values: [0, 1.5], wider: [z.number(), z.union([z.string(), z.number()])] },
  { schema: z.boolean(), values: [true, false], wider: [z.boolean(), z.literal([true, false]), z.json()] },
  { schema: z.null(), values: [null], wider: [z.null(), z.string().nullable()] },
  { schema: z.literal("a"), values: ["a"], wider: [z.string(), z.enum(["a", "b"])] },
  { schema: z.enum(["a", "b"]), values: ["a", "b"], wider: [z.string(), z.literal(["b", "a", 1])] },
  { schema: z.literal([1, "a", null]), values: [1, "a", null], wider: [z.union([z.number(), z.string(), z.null()])] },
  { schema: z.string().brand("Id"), values: ["x"], wider: [z.string(), z.string().brand("Other")] },
];

/** Schemas that may reject values that types accept. */
const narrow: readonly Producer[] = [
  { schema: z.int(), values: [3], wider: [z.number(), z.int().optional()] },
  {
    schema: z.codec(z.string(), z.number(), { decode: Number, encode: String }),
    values: ["1"],
    wider: [z.string(), z.codec(z.string(), z.boolean(), { decode: Boolean, encode: String })],
  },
];

const keys = ["a", "b", "c", "d"];

const mostRows = 60;

/** Lists with one value of each part: all combinations, unless there are too many. */
const rows = (parts: readonly Producer[]): unknown[][] => {
  const most = Math.max(1, ...parts.map(({ values }) => values.length));
  const side = Array.from({ length: most }, (_, index) => parts.map(({ values }) => values[index % values.length]));
  let crossed: unknown[][] = [[]];
  for (const { values } of parts) {
    crossed = crossed.flatMap((row) => values.map((value) => [...row, value])).slice(0, mostRows);
  }
  return [...side, ...crossed];
};

/** An object with the values of a row, in turn. */
const inKeys = (row: readonly unknown[]) =>
  Object.fromEntries([...keys, "x"].map((key, index) => [key, row[index % row.length]]));

const pick = <TItem>(items: readonly TItem[], at: number): TItem => items[at % items.length] as TItem;

const producerOf = (scalars: readonly Producer[]): fc.Arbitrary<Producer> =>
  fc
    .letrec<{ any: Producer }>((tie) => {
      const inner = tie("any");
      const list = fc.tuple(inner, fc.nat()).map(
        ([item, at]): Producer => ({
          schema: z.array(item.schema),
          values: [[], [...item.values], ...item.values.map((value) => [value])],
          wider: [z.array(pick(item.wider, at)), z.array(item.schema).nullable()],
        }),
      );
      const tuple = fc.tuple(inner, inner, fc.nat()).map(([left, right, at]): Producer => {
        const wider = [pick(left.wider, at), pick(right.wider, at)] as const;
        return {
          schema: z.tuple([left.schema, right.schema]),
          values: rows([left, right]),
          wider: [z.tuple(wider), z.array(z.union(wider))],
        };
      });
      const record = fc.tuple(inner, fc.nat()).map(
        ([item, at]): Producer => ({
          schema: z.record(z.string(), item.schema),
          values: [{}, ...rows([item, item]).map(inKeys), ...rows([item, item]).map((row) => inKeys(row.toReversed()))],
          wider: [z.record(z.string(), pick(item.wider, at)), z.object({ x: pick(item.wider, at).optional() })],
        }),
      );
      const field = fc.record({
        key: fc.constantFrom(...keys),
        is: inner,
        as: fc.constantFrom("there", "maybe", "filled"),
      });
      const object = fc
        .tuple(fc.uniqueArray(field, { selector: ({ key }) => key, minLength: 1, maxLength: 4 }), fc.nat(), fc.nat())
        .map(([fields, at, dropped]): Producer => {
          const shape = fields.map(({ key, is, as }) => {
            const first = is.values[0] as never;
            const part = as === "there" ? is.schema : as === "maybe" ? is.schema.optional() : is.schema.default(first);
            return [key, part] as const;
          });
          const values = rows(fields.map(({ is }) => is)).map((row) =>
            Object.fromEntries(row.map((value, index) => [fields[index]?.key, value])),
          );
          const least = Object.fromEntries(
            fields.flatMap(({ key, is, as }) => (as === "maybe" ? [] : [[key, is.values[0]]])),
          );
          const taken = fields.map(({ key, is, as }, index) => {
            const wider = pick(is.wider, at + index);
            return [key, as === "maybe" || (at + index) % 3 === 0 ? wider.optional() : wider] as const;
          });
          const some = taken.filter((_, index) => (dropped >> index) % 2 === 0);
          return {
            schema: z.object(Object.fromEntries(shape)),
            values: [...values, least],
            wider: [z.object(Object.fromEntries(taken)), z.object(Object.fromEntries(some))],
          };
        });
      const union = fc.tuple(inner, inner, fc.nat()).map(
        ([left, right, at]): Producer => ({
          schema: z.union([left.schema, right.schema]),
          values: [...left.values, ...right.values],
          wider: [
            z.union([right.schema, left.schema]),
            z.union([pick(left.wider, at), pick(right.wider, at), z.null()]),
          ],
        }),
      );
      const tagged = fc.tuple(object, object, fc.nat()).map(([left, right, at]): Producer => {
        const with_ = (schema: z.ZodType, kind: string) => z.intersection(schema, z.object({ kind: z.literal(kind) }));
        const values = (of: Producer, kind: string) => of.values.map((value) => ({ ...(value as object), kind }));
        return {
          schema: z.union([with_(left.schema, "l"), with_(right.schema, "r")]),
          values: [...values(left, "l"), ...values(right, "r")],
          wider: [
            z.union([with_(pick(right.wider, at), "r"), with_(pick(left.wider, at), "l")]),
            z.object({ kind: z.enum(["l", "r", "m"]) }),
          ],
        };
      });
      return {
        any: fc.oneof(
          { maxDepth: 3, depthSize: "small" },
          fc.constantFrom(...scalars),
          list,
          object,
          tuple,
          record,
          union,
          tagged,
        ),
      };
    })
    .any.map((made) => ({ ...made, [fc.toStringMethod]: () => shown(made) }));

export const producer = producerOf([...scalars, ...narrow]);

/** Only kinds, keys and values, so that a fitting type accepts every value. */
export const plainProducer = producerOf(scalars);

/** Two similar schemas. */
export function relatives(of: fc.Arbitrary<Producer>): fc.Arbitrary<readonly [given: Producer, wanted: Producer]> {
  const within = fc.constantFrom("itself", "list", "key", "optional key");
  return fc.tuple(of, of, of, within, fc.nat(), fc.nat(2)).map(([one, two, three, place, at, common]) => {
    const taken = { ...one, schema: pick(one.wider, at) };
    const given = common === 0 ? one : either(one, two);
    const wanted = common === 1 ? either(taken, three) : common === 2 ? either(either(three, taken), two) : three;
    return [put(given, place), put(wanted, place)] as const;
  });
}

const either = (left: Producer, right: Producer): Producer => ({
  schema: z.union([left.schema, right.schema]),
  values: [...left.values, ...right.values],
  wider: [],
});

function put({ schema, values }: Producer, place: string): Producer {
  if (place === "itself") return { schema, values, wider: [] };
  if (place === "list")
    return { schema: z.array(schema), values: [[], [...values], ...values.map((one) => [one])], wider: [] };
  const inKey = values.map((value) => ({ k: value }));
  return place === "key"
    ? { schema: z.object({ k: schema }), values: inKey, wider: [] }
    : { schema: z.object({ k: schema.optional() }), values: [{}, ...inKey], wider: [] };
}

/** Printed by a failing property. */
const shown = ({ schema, values, wider }: Producer): string =>
  JSON.stringify({
    schema: z.toJSONSchema(schema, { io: "input" }),
    values,
    wider: wider.map((one) => z.toJSONSchema(one, { io: "input" })),
  });

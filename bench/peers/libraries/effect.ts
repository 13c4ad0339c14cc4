import { Effect, Schema, Stream } from "effect";
import type { Programs } from "../program.ts";
import { addOne, itemAt, sizes, start, sumOf } from "../shapes.ts";

/* Effects with Effect's own schemas; an effect keeps no record of its steps. */

const Item = Schema.Struct({ n: Schema.Int, label: Schema.String });
type Item = typeof Item.Type;
const decode = Schema.decodeUnknownEffect(Item);

const step = Effect.fn("step")(function* (input: Item) {
  return yield* decode(addOne(yield* decode(input)));
});

const steps = (count: number, input: Item) =>
  Effect.gen(function* () {
    let item = input;
    for (let n = 0; n < count; n++) item = yield* step(item);
    return item;
  });

const fanOut = Effect.gen(function* () {
  const first = yield* step(start);
  const branches = Array.from({ length: sizes.branches }, () => step(first));
  return yield* decode(sumOf(yield* Effect.all(branches, { concurrency: "unbounded" })));
});

const tasks = Effect.gen(function* () {
  const all = Array.from({ length: sizes.tasks }, () => steps(sizes.taskSteps, start));
  return sumOf(yield* Effect.all(all, { concurrency: "unbounded" }));
});

let items: Stream.Stream<Item, Schema.SchemaError> = Stream.map(Stream.range(0, sizes.items - 1), itemAt);
for (let n = 0; n < sizes.itemSteps; n++) items = Stream.mapEffect(items, step);

const program = (effect: Effect.Effect<unknown, unknown>) => async () => ({ run: () => Effect.runPromise(effect) });

export const memory: Programs = {
  chain: program(steps(sizes.chain, start)),
  fanOut: program(fanOut),
  tasks: program(tasks),
  stream: program(Effect.map(Stream.runCollect(items), sumOf)),
};

/*
 * Plants known mistakes in copies of the engine, one at a time, and runs seeds of the simulation on each until some have
 * failed: `npm run sim:mutations -- --only sweep`. One that is never found is a hole in the simulation.
 *
 *   --seeds N   of each mode, at most; default 300      --from S    the first one
 *   --most N    of each mode, where the first were too few; default 3000
 *   --only P    those whose name matches this pattern
 *   --jobs N    so many of them at a time; default 2
 *   --markdown  writes what was found into docs/mutations.md
 */
import { parseArgs } from "node:util";
import { allMutations } from "./all-mutations.ts";
import { type Hunt, hunt } from "./hunt.ts";
import type { Mutation } from "./mutation.ts";
import { finderOf, page, writePage } from "./page.ts";
import { staleEdits } from "./planting.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "300" },
    most: { type: "string", default: "3000" },
    from: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    jobs: { type: "string", default: "2" },
    markdown: { type: "boolean", default: false },
  },
});

const options = { from: Number(values.from), seeds: Number(values.seeds), most: Number(values.most) };
const pattern = new RegExp(values.only);
const chosen = allMutations.filter(({ name }) => pattern.test(name));
const stale = staleEdits(chosen);
if (stale.length > 0) throw new Error(`the code is not what mutations look for:\n${stale.join("\n")}`);

const hunts = new Map<Mutation, Hunt>();
let missed = 0;
console.log(
  `${chosen.length} mutations, ${options.seeds} seeds of each mode, ${options.most} where they are too few\n`,
);
console.log("      chaos        calm  mutation");
const left = chosen.values();
async function huntNext(): Promise<void> {
  for (const mutation of left) {
    const found = await hunt(mutation, options);
    hunts.set(mutation, found);
    if (isMissed(mutation, found)) missed++;
    const counts = [found.chaos, found.calm].map(({ seeds, failed }) => `${failed}/${seeds}`.padStart(11));
    console.log(`${counts.join(" ")}  ${mutation.name}: ${finderOf(mutation, found)}`);
    if (values.markdown) writePage(hunts);
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, huntNext));
if (values.markdown) console.log(`\nwritten to ${page}`);
console.log(`\n${missed} not found`);
process.exitCode = missed > 0 ? 1 : 0;

function isMissed({ harmless, elsewhere }: Mutation, { check, foundByTest }: Hunt): boolean {
  if (elsewhere !== undefined && !foundByTest) return true; // it claims to be what holds it
  return check === undefined && !foundByTest && harmless === undefined;
}

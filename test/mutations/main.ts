/*
 * Plants known mistakes in copies of the engine, one at a time, and runs seeds of the simulation on each until some of
 * them fail: `npm run sim:mutations -- --only sweep`. A mistake that is not found is a gap in the simulation.
 *
 *   --seeds N   maximum seeds of each mode (default: 300)
 *   --from S    first seed (default: 1)
 *   --most N    maximum seeds of each mode if too few of the first ones failed (default: 3000)
 *   --only P    only mistakes whose name matches this pattern
 *   --jobs N    concurrent mistakes (default: 2)
 *   --markdown  update docs/mutations.md
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
if (stale.length > 0) throw new Error(`mutations do not match the code:\n${stale.join("\n")}`);

const hunts = new Map<Mutation, Hunt>();
let missed = 0;
console.log(
  `${chosen.length} mutations, ${options.seeds} seeds of each mode, up to ${options.most} if too few failed\n`,
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
  if (elsewhere !== undefined && !foundByTest) return true; // the directed test must find it
  return check === undefined && !foundByTest && harmless === undefined;
}

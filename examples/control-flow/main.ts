import { conditions } from "./conditions.ts";
import { failures } from "./failures.ts";
import { perItem } from "./per-item.ts";
import { routing } from "./routing.ts";
import { schedules } from "./schedules.ts";
import { waiting } from "./waiting.ts";

// node examples/control-flow/main.ts [name]: runs one of the examples, or all, and prints their results
const examples = { routing, conditions, failures, waiting, "per-item": perItem, schedules };
const [, , name] = process.argv;
if (name !== undefined && !Object.hasOwn(examples, name)) {
  console.error(`unknown example '${name}': choose one of ${Object.keys(examples).join(", ")}`);
  process.exit(2);
}
for (const [key, run] of Object.entries(examples)) {
  if (name === undefined || name === key) console.dir({ [key]: await run() }, { depth: null });
}

export const flowSource = `import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const Order = z.object({ item: z.string(), price: z.number(), quantity: z.int() });

/** A source: it makes the batches. */
const read = defineHandler("read", {
  args: z.object({ days: z.int() }),
  output: z.array(Order),
  *iterBatches({ days }) {
    for (let day = 1; day <= days; day++) {
      yield { uid: \`day-\${day}\`, payload: [{ item: "tea", price: 4, quantity: day }] };
    }
  },
});

/** A step: one batch in, one out. */
const sum = defineHandler("sum", {
  input: z.array(Order),
  output: z.object({ revenue: z.number() }),
  processBatch: (orders) => ({ revenue: orders.reduce((sum, { price, quantity }) => sum + price * quantity, 0) }),
});

export const shop = flow("shop")
  .node("read", read, { args: { days: 2 } })
  .then("sum", sum, { startWhen: "first_batch" });
`;

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

export const packageJson = (name: string, version: string): string =>
  json({
    name,
    version: "0.0.0",
    private: true,
    type: "module",
    scripts: { start: "flowkit run flow.ts", check: "tsc" },
    dependencies: { flowkit: `^${version}`, zod: "^4.6.0" },
    devDependencies: { "@types/node": "^24.0.0", typescript: "^6.0.0" },
  });

/** Node runs the files as they are: the compiler only checks, and refuses what Node can't strip. */
export const tsConfig = json({
  compilerOptions: {
    target: "es2023",
    lib: ["es2024", "esnext.disposable"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
  },
  include: ["*.ts"],
});

export const gitIgnore = "node_modules\n*.db\n*.db-shm\n*.db-wal\n";

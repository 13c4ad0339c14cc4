import { registerHooks } from "node:module";

/** Loaded by `node --import`: resolves imports of the package to its sources, so that no build is needed. */
const sources: Readonly<Record<string, string>> = {
  flowkit: new URL("../../src/index.ts", import.meta.url).href,
  "flowkit/engine": new URL("../../src/engine/index.ts", import.meta.url).href,
  "flowkit/adapters/kafka": new URL("../../src/adapters/kafka/index.ts", import.meta.url).href,
  "flowkit/adapters/mongo": new URL("../../src/adapters/mongo/index.ts", import.meta.url).href,
  "flowkit/adapters/postgres": new URL("../../src/adapters/postgres/index.ts", import.meta.url).href,
  "flowkit/adapters/sqlite": new URL("../../src/adapters/sqlite/index.ts", import.meta.url).href,
  "flowkit/testing": new URL("../../src/testing/index.ts", import.meta.url).href,
};

registerHooks({
  resolve(specifier, context, next) {
    const url = sources[specifier];
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
  },
});

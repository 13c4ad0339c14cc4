import { edit, type Mutation, mutation } from "./mutation.ts";

/* Mistakes in handler code, adapters and buses, and in the variable functions. */

export const extensionMutations: readonly Mutation[] = [
  mutation(
    "vars.merge removes sibling keys",
    edit(
      "builtins/coordinator-functions/vars.ts",
      "mergeOverwriting(vars, treeOf(leaves));",
      "Object.assign(vars, treeOf(leaves));",
    ),
  ),
  mutation(
    "vars.unset leaves empty objects behind",
    edit("builtins/coordinator-functions/var-tree.ts", "    delete outer[segment];\n", ""),
  ),
  mutation(
    "vars.set sets only the first of its paths",
    edit("builtins/coordinator-functions/vars.ts", "of leaves) setVar(vars,", "of leaves.slice(0, 1)) setVar(vars,"),
  ),
  mutation(
    "an attempt does not wait for its handler's setup",
    edit(
      "core/worker/attempt/handler-run.ts",
      "return run.held.wait(runtime.services()).then((services) => {",
      "return Promise.resolve(void runtime.services()).then((services) => {",
    ),
  ),
  mutation(
    "a failed setup is never retried",
    edit("core/worker/attempt/handler-code.ts", "        delete setup.made;\n", ""),
  ),
  mutation(
    "setup runs once per attempt",
    edit("core/worker/attempt/handler-code.ts", "if (setup.made === undefined) {", "{"),
  ),
  mutation(
    "handlers with the same setup run it each",
    edit(
      "core/worker/attempt/handler-code.ts",
      "const setup: Setup = shared ?? { definition };",
      "const setup: Setup = { definition };",
    ),
  ),
  mutation(
    "a worker that stops tears nothing down",
    edit("core/worker/worker-core.ts", "        () => this.#services.close(), // when no attempt runs any more\n", ""),
  ),
  mutation(
    "services are torn down while attempts may run",
    edit(
      "core/worker/attempt/handler-code.ts",
      "    else this.#open.push({ definition, services });\n",
      "    else void this.#tearDown({ definition, services });\n",
    ),
  ),
  mutation(
    "a failed publish fails its sender",
    edit(
      "core/resilience/best-effort-bus.ts",
      "bus.publish(topic, key, message).catch((error: unknown) => {\n",
      "bus.publish(topic, key, message).catch((error: unknown) => {\n        throw error;\n",
    ),
  ),
  mutation(
    "all batches of an artifact have the same uid",
    edit(
      "core/worker/input/routing.ts",
      "return { whole: false, expand: (meta, nodeId)",
      "return { whole: true, expand: (meta, nodeId)",
    ),
  ),
  mutation(
    "a custom adapter gets no arguments",
    edit(
      "core/worker/input/routing.ts",
      "definition.expand({ meta: deepFreeze(meta), nodeId, args })",
      "definition.expand({ meta: deepFreeze(meta), nodeId, args: {} })",
    ),
  ),
];

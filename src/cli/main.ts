#!/usr/bin/env node
/*
 * The command `flowkit`. Uses only syntax and imports that older Node versions load, so that they can report the
 * required version.
 */
const required = [22, 18] as const;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < required[0] || (major === required[0] && minor < required[1])) {
  process.stderr.write(
    `error CLI_NODE_VERSION: flowkit requires Node ${required.join(".")} or newer, found ${process.versions.node}\n` +
      "  Older versions cannot run TypeScript files directly.\n",
  );
  process.exitCode = 2;
} else {
  const { main } = await import("./program.ts");
  await main(process.argv.slice(2));
}

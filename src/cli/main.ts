#!/usr/bin/env node
/*
 * The command `flowkit`. This file loads nothing that an old Node could not: it is the one that says so.
 */
const needs = [22, 18] as const;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < needs[0] || (major === needs[0] && minor < needs[1])) {
  process.stderr.write(
    `error CLI_NODE_VERSION: flowkit needs Node ${needs.join(".")} or newer, this is ${process.versions.node}\n` +
      "  It runs TypeScript files as they are, which older ones can't.\n",
  );
  process.exitCode = 2;
} else {
  const { main } = await import("./program.ts");
  await main(process.argv.slice(2));
}

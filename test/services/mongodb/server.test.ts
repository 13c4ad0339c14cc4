import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { expect, inject, test } from "vitest";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";

needsServices("mongodb");

test("a MongoDB-wire server accepts connections", async () => {
  const { hostname, port, protocol } = new URL(inject("mongodbUrl"));
  expect(protocol).toBe("mongodb:");
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.destroy();
  await once(socket, "close");
});

test("a server and its folder are removed when the process that started it ends", async () => {
  const script = new URL("../../../scripts/services/mongo.ts", import.meta.url);
  const program = `
    const { startMongo } = await import(${JSON.stringify(script.href)});
    const { pid, log } = await startMongo();
    console.log(JSON.stringify({ pid, log }));
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const [line] = await once(owner.stdout, "data");
  const { pid, log } = JSON.parse(String(line));
  expect(isRunning(pid)).toBe(true);
  owner.kill("SIGKILL");
  await once(owner, "close");
  await until(() => !isRunning(pid) && !existsSync(dirname(log)), "the server's end", 30_000);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

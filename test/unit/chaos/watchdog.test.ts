import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

/** A process that does nothing until it is killed. */
function idle(): ReturnType<typeof spawn> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1_000)"], { stdio: "ignore" });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return child;
}

test("a driver's processes are killed when it exits, paused ones too; those that exited earlier are left alone", async () => {
  const watchdog = spawn(process.execPath, [resolve("test/chaos/watchdog.ts")], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  onTestFinished(() => void watchdog.kill("SIGKILL"));
  const [running, still, forgotten] = [idle(), idle(), idle()];
  still.kill("SIGSTOP");
  const ends = [once(running, "exit"), once(still, "exit")];
  const over = once(watchdog, "exit"); // which may be before the exits that are awaited first
  for (const line of [`+${running.pid}`, `+${still.pid}`, `+${forgotten.pid}`, `-${forgotten.pid}`]) {
    watchdog.stdin?.write(`${line}\n`);
  }
  watchdog.stdin?.end(); // like the exit of the process that writes there
  for (const end of ends) expect(await end).toEqual([null, "SIGKILL"]);
  await over;
  expect(forgotten.exitCode ?? forgotten.signalCode).toBe(null);
});

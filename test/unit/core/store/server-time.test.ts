import { expect, test, vi } from "vitest";
import { ServerTime } from "../../../../src/core/store/server-time.ts";

/** An estimate of a server's time, on a clock of this process that the test sets. */
function world() {
  let own = 0;
  vi.spyOn(performance, "now").mockImplementation(() => own);
  const serverTime = new ServerTime();
  return {
    serverTime,
    at(ms: number) {
      own = ms;
      return serverTime.now;
    },
    /** An answer that returns `time`, to a request that was sent `tookMs` before. */
    answer(time: number, tookMs: number, at: number) {
      own = at;
      serverTime.learn(time, at - tookMs);
    },
  };
}

test("the time is unknown before an answer, and ten seconds after the last one", () => {
  const { at, answer } = world();
  expect(at(0)).toBeUndefined();
  answer(1_000_000, 10, 10);
  expect(at(10)).toBe(1_000_010);
  expect(at(10_000)).toBe(1_010_000);
  expect(at(10_001)).toBeUndefined();
  answer(1_010_011, 0, 10_011);
  expect(at(10_011)).toBe(1_010_011);
});

test("an answer that took 100 ms or longer is not used", () => {
  const { at, answer } = world();
  answer(1_000_000, 100, 100);
  expect(at(100)).toBeUndefined();
});

test("a worse estimate does not replace a better one", () => {
  const { at, answer } = world();
  answer(1_000_000, 0, 0);
  answer(1_000_050, 80, 90); // read at 50, and its answer says no more than that it was between 10 and 90
  expect(at(100)).toBe(1_000_100);
});

test("a worse estimate replaces one that is no longer used", () => {
  const { at, answer } = world();
  answer(1_000_000, 0, 0);
  answer(1_010_051, 0, 10_001);
  expect(at(10_001)).toBe(1_010_051);
});

test("a better estimate does not make the time go back; it stands still until the better one passes it", () => {
  const { at, answer } = world();
  answer(1_000_000, 90, 90);
  expect(at(90)).toBe(1_000_090);
  answer(1_000_010, 1, 91);
  expect(at(92)).toBe(1_000_090);
  expect(at(170)).toBe(1_000_090);
  expect(at(171)).toBe(1_000_091);
  expect(at(200)).toBe(1_000_120);
});

test("the time follows a server whose clock was set forward or back", () => {
  const { at, answer } = world();
  answer(1_000_000, 0, 0);
  answer(1_005_010, 10, 20);
  expect(at(20)).toBe(1_005_020);
  answer(900_000, 10, 30);
  expect(at(30)).toBe(900_010);
});

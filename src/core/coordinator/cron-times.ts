import { Cron } from "croner";
import { FlowError, thrownMessage } from "../../errors/index.ts";

const dayMs = 86_400_000;
const secondMs = 1_000;
/** How many earlier occurrences are requested at first. */
const fewest = 16;

// biome-ignore lint/style/noRestrictedGlobals: converts a given instant, does not read a clock
const dateOf = (ms: number) => new Date(ms);

/**
 * When a schedule is due: a cron expression, read on the clock of a time zone.
 *
 * A local time that a clock change skips counts as the moment of the change; one that occurs twice counts the first
 * time. An expression for every hour follows elapsed time instead, so it is due in both of two repeated hours.
 *
 * @throws FlowError `SCHEDULE_INVALID`
 */
export class CronTimes {
  /** In the time zone if it is for every hour; otherwise in UTC, with local times of the zone given as if in UTC. */
  readonly #cron: Cron;
  readonly #followsClock: boolean;
  readonly #clock: Intl.DateTimeFormat;

  constructor(cron: string, timeZone: string) {
    this.#clock = clockOf(timeZone);
    const fields = cron.trim().split(/\s+/);
    this.#followsClock = fields[0] === "@hourly" || fields.at(fields.length === 5 ? 1 : 2)?.startsWith("*") === true;
    if (!cron.startsWith("@") && fields.length !== 5 && fields.length !== 6) {
      throw invalid(`cron '${cron}' needs five fields: minute, hour, day of month, month, day of week`);
    }
    try {
      this.#cron = new Cron(cron, { timezone: this.#followsClock ? timeZone : "UTC", paused: true });
    } catch (error) {
      throw invalid(`cron '${cron}' is not valid: ${thrownMessage(error).replace(/^CronPattern: /, "")}`);
    }
  }

  /** The first occurrence after an instant; `undefined` if there is none. */
  next(after: number): number | undefined {
    if (this.#followsClock) return this.#cron.nextRun(dateOf(after))?.getTime();
    for (let shown = after + this.#offset(after); ; ) {
      const next = this.#cron.nextRun(dateOf(shown))?.getTime();
      if (next === undefined) return undefined;
      const at = this.#instantOf(next);
      if (at > after) return at;
      shown = next;
    }
  }

  /** The last `count` occurrences from `from` to `to`, both included, in order. */
  latest(count: number, { from, to }: { readonly from: number; readonly to: number }): readonly number[] {
    const offset = this.#offset(to);
    const summer = Math.max(offset, this.#offset(to - dayMs / 8)); // before a change back, the clock showed later times
    const end = dateOf(Math.floor(to / secondMs) * secondMs + secondMs + (this.#followsClock ? 0 : summer));
    for (let asked = Math.min(count, fewest); count > 0; asked *= 4) {
      const shown = this.#cron.previousRuns(asked, end).map((date) => date.getTime());
      const found = this.#followsClock ? shown : shown.map((each) => this.#instantOf(each));
      const inRange = [...new Set(found.filter((at) => at >= from && at <= to))].sort((a, b) => a - b);
      const isAll = shown.length < asked || found.some((at) => at < from);
      if (isAll || inRange.length >= count) return inRange.slice(-count);
    }
    return [];
  }

  /** The local date, such as 2026-11-29. */
  day(at: number): string {
    return dateOf(at + this.#offset(at))
      .toISOString()
      .slice(0, 10);
  }

  /** The offset of the time zone from UTC, in ms. */
  #offset(at: number): number {
    const parts = this.#clock.formatToParts(at).map(({ type, value }) => [type, value] as const);
    const shown: Record<string, string | undefined> = Object.fromEntries(parts);
    const text = `${shown.year}-${shown.month}-${shown.day}T${shown.hour}:${shown.minute}:${shown.second}Z`;
    // biome-ignore lint/style/noRestrictedGlobals: parses a string
    return Date.parse(text) - Math.floor(at / secondMs) * secondMs;
  }

  /** The instant at which the clock first shows a time, given as if in UTC. */
  #instantOf(shown: number): number {
    const [before, after] = [this.#offset(shown - dayMs), this.#offset(shown + dayMs)];
    if (before === after) return shown - before;
    const shows = [shown - before, shown - after].filter((at) => at + this.#offset(at) === shown);
    if (shows.length > 0) return Math.min(...shows);
    let [earlier, later] = [(shown - dayMs) / secondMs, (shown + dayMs) / secondMs];
    while (later - earlier > 1) {
      const middle = Math.floor((earlier + later) / 2);
      if (this.#offset(middle * secondMs) === before) earlier = middle;
      else later = middle;
    }
    return later * secondMs;
  }
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  const [numeric, short] = ["numeric", "2-digit"] as const;
  try {
    return new Intl.DateTimeFormat("en-US", {
      ...{ timeZone, hourCycle: "h23" },
      ...{ year: numeric, month: short, day: short, hour: short, minute: short, second: short },
    });
  } catch {
    throw invalid(`time zone '${timeZone}' is not known: use a name such as Europe/Berlin or UTC`);
  }
}

const invalid = (message: string): FlowError => new FlowError("SCHEDULE_INVALID", message);

/** An instant as in JSON, such as 2026-11-29T02:00:00.000Z. */
export const isoTime = (at: number): string => dateOf(at).toISOString();

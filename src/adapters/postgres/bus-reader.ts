import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import type { Clock, SubscribeOptions } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import { idOf, now, type Session, unplanned } from "./database/session.ts";

export interface ReaderOptions {
  readonly session: Session;
  readonly clock: Clock;
  /** The channel of the notifications. */
  readonly channel: string;
  readonly lookEveryMs: number;
  readonly maxDeliveries: number;
  readonly maxUnhandled: number;
}

/** An idle reader that is notified polls in one of this many intervals: only claims of dead processes are not announced. */
const idleLooks = 6;
/** A claim expires if it is not renewed for this many intervals. */
const looksPerLease = 3;
/** How long a group without members receives messages, which its next member then handles. */
const keepGroupMs = 300_000;
/** A message that no member has handled for this long is dropped: sweeps have found what it announced. */
const keepMessageMs = 3_600_000;
const pruneEveryMs = 300_000;
const backoffMinMs = 50;
const backoffMaxMs = 5_000;

/** Adds the topics to those of an existing group, whose members of another version may subscribe to other topics. */
const register = `INSERT INTO @bus_groups AS known (name, topics, until) VALUES ($1, $2, ${now} + ${keepGroupMs})
  ON CONFLICT (name) DO UPDATE SET until = excluded.until,
    topics = array(SELECT DISTINCT unnest(known.topics || excluded.topics)) RETURNING pk`;
/** A message sent to a group while that is removed is pruned later: a foreign key would add a flush to every message. */
const removeGroups = (which: string): string =>
  `gone AS (DELETE FROM @bus_groups WHERE ${which} RETURNING pk)
  DELETE FROM @bus_messages WHERE group_pk IN (SELECT pk FROM gone)`;
const removeGroup = `WITH ${removeGroups("name = $1")}`;
const done = unplanned(1, "bigint[]");
/**
 * Deletes handled messages, and claims the first message of each lane. The next one of a lane is claimed once the first is
 * deleted, so messages of one key keep their order and are never handled concurrently.
 */
const round = `WITH handled AS (DELETE FROM @bus_messages WHERE pk = ANY (${done}) AND claimed_by = $2),
  first AS (SELECT pk FROM @bus_messages message
    WHERE group_pk = ANY (${unplanned(3, "int[]")}) AND (claimed_until IS NULL OR claimed_until <= ${now})
      AND pk <> ALL (${done}) AND NOT EXISTS (SELECT 1 FROM @bus_messages earlier WHERE earlier.group_pk = message.group_pk
        AND earlier.lane = message.lane AND earlier.pk < message.pk AND earlier.pk <> ALL (${done}))
    ORDER BY pk LIMIT ${unplanned(4, "int")} FOR UPDATE SKIP LOCKED)
  UPDATE @bus_messages message SET claimed_by = $2, claimed_until = ${now} + $5, deliveries = deliveries + 1
  FROM first WHERE message.pk = first.pk
  RETURNING message.pk::text, group_pk, topic, key, body, deliveries`;
/** Renews claims, and returns for each group whether messages may be waiting: the only request of an idle process. */
const beat = `WITH renewed AS (
    UPDATE @bus_messages SET claimed_until = ${now} + $4 WHERE pk = ANY ($2) AND claimed_by = $3)
  UPDATE @bus_groups listener SET until = ${now} + ${keepGroupMs} WHERE pk = ANY ($1) RETURNING pk,
    EXISTS (SELECT FROM @bus_messages WHERE group_pk = listener.pk AND (claimed_until IS NULL OR claimed_until <= ${now})) AS waits`;
const prune = `WITH old AS (DELETE FROM @bus_messages WHERE sent_at < ${now} - ${keepMessageMs} AND claimed_by IS NULL),
  ${removeGroups(`until <= ${now}`)}`;
/** Notifies the groups with new messages. Empty stands for all of them, since a notification has at most 8,000 bytes. */
export const notifying = (channel: string, rows: string): string =>
  `SELECT pg_notify(${channel}, CASE WHEN length(list) < 7000 THEN list ELSE '' END)
  FROM (SELECT string_agg(DISTINCT group_pk::text, ',') AS list FROM ${rows}) AS lists WHERE list IS NOT NULL`;
const release = `WITH freed AS (UPDATE @bus_messages SET claimed_by = NULL, claimed_until = NULL, deliveries = deliveries - 1
    WHERE pk = ANY ($1) AND claimed_by = $2 RETURNING group_pk) ${notifying("$3", "freed")}`;

interface Claimed {
  readonly pk: string;
  readonly group_pk: number;
  readonly topic: string;
  readonly key: string;
  readonly body: string;
  readonly deliveries: number;
}

interface Member {
  readonly subscription: SubscribeOptions;
  readonly running: Set<Promise<unknown>>;
}

/** A group, with its members in this process. */
interface Group {
  readonly name: string;
  readonly topics: readonly string[];
  pk: number;
  readonly members: Member[];
  turn: number;
  /** Aborted when the last member leaves. */
  readonly left: AbortController;
  readonly deliveries: Set<Promise<void>>;
}

/**
 * Delivers messages to the members in this process. Looks for messages when it is notified, and every `lookEveryMs` while it
 * has messages, or if a notification that it sent to itself has not arrived.
 */
export class BusReader {
  readonly #options: ReaderOptions;
  readonly #id = randomUUID();
  readonly #groups = new Map<string, Group>();
  readonly #running = new Set<string>();
  readonly #handled = new Set<string>();
  readonly #closing = new AbortController();
  #listening: Promise<void> | undefined;
  /** Resolves once the reader listens, or has failed to. */
  readonly #begun = Promise.withResolvers<void>();
  #looking: Promise<void> | undefined;
  #again = false;
  #prunedAt = Number.NEGATIVE_INFINITY;
  #wasReached = false;
  /** Whether notifications arrive on the current connection: some connection poolers do not pass them on. */
  #isNotified = false;
  #awaySince: number | undefined;
  #restarts = 0;
  #lastError: string | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  get #leaseMs(): number {
    return this.#options.lookEveryMs * looksPerLease;
  }

  get status() {
    const { awaySince, restarts } = { awaySince: this.#awaySince, restarts: this.#restarts };
    return { awaySince, restarts, wasReached: this.#wasReached, lastError: this.#lastError };
  }

  /** @throws FlowError `ENGINE_OPTIONS`, `STORE_UNAVAILABLE` */
  async join(subscription: SubscribeOptions): Promise<() => Promise<void>> {
    const { group: name, topics, isPrivate = false } = subscription;
    const known = this.#groups.get(name);
    if (known !== undefined && known.topics.toSorted().join("\n") !== topics.toSorted().join("\n")) {
      const what = `group '${name}' is already subscribed to ${known.topics.join(", ")}`;
      const message = `${what}: all members of a group must subscribe to the same topics`;
      throw new FlowError("ENGINE_OPTIONS", message, { details: { group: name } });
    }
    if (isPrivate) await this.#options.session.all(removeGroup, [name]); // left by an earlier process of the same name
    const pk = await this.#register(name, topics);
    const shared = {
      name,
      topics,
      pk,
      members: [],
      turn: 0,
      left: new AbortController(),
      deliveries: new Set<never>(),
    };
    const group: Group = this.#groups.get(name) ?? shared;
    group.pk = pk;
    this.#groups.set(name, group);
    const member: Member = { subscription, running: new Set() };
    group.members.push(member);
    this.#listening ??= this.#listen();
    await this.#begun.promise;
    this.#look();
    return () => this.#leave(group, member);
  }

  async close(): Promise<void> {
    const members = [...this.#groups.values()].flatMap((group) => group.members.map((member) => ({ group, member })));
    await Promise.all(members.map(({ group, member }) => this.#leave(group, member)));
    this.#closing.abort();
    this.#begun.resolve();
    await this.#listening;
    await this.#looking;
  }

  async #leave(group: Group, member: Member): Promise<void> {
    const at = group.members.indexOf(member);
    if (at >= 0) group.members.splice(at, 1);
    const isLast = group.members.length === 0;
    if (isLast) {
      if (this.#groups.get(group.name) === group) this.#groups.delete(group.name);
      group.left.abort();
    }
    await Promise.all(member.running);
    if (!isLast) return;
    await Promise.all(group.deliveries);
    this.#look(); // deletes handled messages
    await this.#looking;
    if (member.subscription.isPrivate) return this.#bestEffort(removeGroup, [group.name]);
    // The messages behind them in their lanes are now for other processes.
    await this.#bestEffort("SELECT pg_notify($1, $2)", [this.#options.channel, `${group.pk}`]);
  }

  async #register(name: string, topics: readonly string[]): Promise<number> {
    return (await this.#options.session.get<{ pk: number }>(register, [name, topics]))?.pk ?? 0;
  }

  /** Keeps a connection for notifications, renews the claims of this process, and polls from time to time. */
  async #listen(): Promise<void> {
    const { session, clock, channel, lookEveryMs } = this.#options;
    const { signal } = this.#closing;
    this.#awaySince = clock.now();
    for (let backoffMs = backoffMinMs; !signal.aborted; backoffMs = Math.min(backoffMaxMs, backoffMs * 2)) {
      let client: PoolClient | undefined;
      const broken = new AbortController();
      const end = (error?: Error) => {
        if (error !== undefined) this.#failed(error);
        broken.abort();
      };
      try {
        client = await session.client();
        client.on("error", end).on("end", end);
        client.on("notification", ({ payload = "" }) => this.#notified(payload));
        await client.query(`LISTEN ${channel}`);
        this.#reached();
        backoffMs = backoffMinMs;
        this.#isNotified = false;
        await session.all("SELECT pg_notify($1, $2)", [channel, this.#id]);
        for (let looks = 0; !signal.aborted && !broken.signal.aborted; looks++) {
          if (!this.#isNotified || this.#running.size > 0 || looks % idleLooks === 0) {
            if (await this.#beat(client)) this.#look();
          }
          await clock.sleep(lookEveryMs, AbortSignal.any([signal, broken.signal]));
        }
        if (!signal.aborted) this.#failed(new Error("the connection ended"));
        else await client.query(`UNLISTEN ${channel}`); // the connection returns to the pool
      } catch (error) {
        this.#failed(error);
        broken.abort();
      } finally {
        client?.removeAllListeners("notification").off("error", end).off("end", end);
        client?.release(broken.signal.aborted);
      }
      if (signal.aborted) return;
      this.#restarts++;
      this.#look();
      await clock.sleep(Math.min(backoffMs, lookEveryMs), signal);
    }
  }

  /** @returns whether messages may be waiting */
  async #beat(client: PoolClient): Promise<boolean> {
    const { session, clock } = this.#options;
    const groups = [...this.#groups.values()];
    const values = [groups.map(({ pk }) => pk), [...this.#running], this.#id, this.#leaseMs];
    const { rows } = await client.query<{ pk: number; waits: boolean }>(session.text(beat), values);
    const kept = new Set(rows.map(({ pk }) => pk));
    // The group was removed while this process could not reach the database.
    for (const group of groups) if (!kept.has(group.pk)) group.pk = await this.#register(group.name, group.topics);
    if (clock.monotonic() >= this.#prunedAt + pruneEveryMs) {
      this.#prunedAt = clock.monotonic();
      await client.query(session.text(prune));
    }
    return rows.some(({ waits }) => waits);
  }

  #notified(payload: string): void {
    this.#isNotified ||= payload === this.#id;
    const pks = new Set(payload.split(","));
    if (payload === "" || [...this.#groups.values()].some(({ pk }) => pks.has(String(pk)))) this.#look();
  }

  #look(): void {
    this.#again = true;
    this.#looking ??= this.#rounds();
  }

  async #rounds(): Promise<void> {
    for (let failures = 0; this.#again; ) {
      this.#again = false;
      try {
        await this.#round();
        failures = 0;
      } catch (error) {
        this.#lastError = errorText(error);
        // Closing: claimed messages are delivered again once the claims expire.
        if (this.#groups.size === 0) break;
        this.#again = true;
        await this.#options.clock.sleep(Math.min(backoffMaxMs, backoffMinMs * 2 ** failures++), this.#closing.signal);
      }
    }
    this.#looking = undefined; // in the same step as the last check of `#again`
  }

  async #round(): Promise<void> {
    const handled = [...this.#handled];
    const pks = [...this.#groups.values()].map(({ pk }) => pk);
    const limit = pks.length === 0 ? 0 : Math.max(0, this.#options.maxUnhandled - this.#running.size);
    if (handled.length === 0 && limit === 0) return;
    const claimed = await this.#options.session.all<Claimed>(round, [handled, this.#id, pks, limit, this.#leaseMs]);
    for (const pk of handled) {
      this.#handled.delete(pk);
      this.#running.delete(pk);
    }
    if (limit > 0 && claimed.length === limit) this.#again = true;
    for (const message of claimed) {
      this.#running.add(message.pk);
      const group = [...this.#groups.values()].find(({ pk }) => pk === message.group_pk);
      if (group === undefined) {
        await this.#release(message); // its last member has left
        continue;
      }
      const delivery = this.#deliver(group, message);
      group.deliveries.add(delivery);
      void delivery.finally(() => group.deliveries.delete(delivery));
    }
  }

  /** Never rejects. */
  async #deliver(group: Group, message: Claimed): Promise<void> {
    const { clock, maxDeliveries } = this.#options;
    const { signal } = group.left;
    let reason = `it was claimed ${message.deliveries} times by processes that did not handle it`;
    for (let tried = message.deliveries; tried <= maxDeliveries; tried++) {
      const member = group.members[group.turn++ % group.members.length];
      if (member === undefined) return this.#release(message);
      const handling = handled(member.subscription, message);
      member.running.add(handling);
      const failure = await handling;
      member.running.delete(handling);
      if (failure === undefined) return this.#end(message);
      if (signal.aborted) return this.#release(message);
      reason = failure;
      if (tried < maxDeliveries) await clock.sleep(Math.min(backoffMaxMs, backoffMinMs * 2 ** (tried - 1)), signal);
    }
    const { topic, key, body } = message;
    const letter = { topic: idOf(topic), key: idOf(key), body, reason };
    group.members[0]?.subscription.onDeadLetter?.(letter);
    this.#end(message);
  }

  #end(message: Claimed): void {
    this.#handled.add(message.pk);
    this.#look();
  }

  async #release(message: Claimed): Promise<void> {
    this.#running.delete(message.pk);
    await this.#bestEffort(release, [[message.pk], this.#id, this.#options.channel]);
  }

  /** For what would happen later anyway, when the claims expire. */
  async #bestEffort(text: string, values: readonly unknown[]): Promise<void> {
    await this.#options.session.all(text, values).catch((error: unknown) => {
      this.#lastError = errorText(error);
    });
  }

  #reached(): void {
    this.#wasReached = true;
    this.#awaySince = undefined;
    this.#begun.resolve();
  }

  #failed(error: unknown): void {
    this.#awaySince ??= this.#options.clock.now();
    this.#lastError = errorText(error);
    this.#begun.resolve();
  }
}

/** @returns why the handler failed */
async function handled({ handle }: SubscribeOptions, { body }: Claimed): Promise<string | undefined> {
  try {
    await handle(JSON.parse(body));
    return undefined;
  } catch (error) {
    return `handler failed: ${errorText(error)}`;
  }
}

const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

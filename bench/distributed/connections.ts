import { kafkaBus } from "flowkit/adapters/kafka";
import { mongoStore } from "flowkit/adapters/mongo";
import { postgresBus, postgresStore } from "flowkit/adapters/postgres";
import type { Bus, Store } from "flowkit/engine";
import { MongoClient } from "mongodb";
import { Client } from "pg";

/** The servers of a run, as environment variables for its processes. */
export type Servers =
  | { readonly BENCH_PREFIX: string; readonly MONGODB_URL: string; readonly KAFKA_BROKERS: string }
  | { readonly BENCH_PREFIX: string; readonly POSTGRES_URL: string };

/** The requests of a process to its servers. */
export interface Use {
  /** Commands sent to MongoDB, or statements sent to PostgreSQL; on PostgreSQL, those of the bus are among them. */
  commands: number;
  /** These commands by operation and collection or table. */
  byName: Record<string, number>;
  /** The sum of their durations; several may run concurrently. */
  waitedMs: number;
  messages: number;
  /** Claims that another worker won. */
  lostClaims: number;
  /** Full sweeps of tasks. */
  sweeps: number;
}

export const noUse = (): Use => ({ commands: 0, byName: {}, waitedMs: 0, messages: 0, lostClaims: 0, sweeps: 0 });

/** Whether a command or statement of this name writes. */
export const isWrite = (name: string): boolean => /^(insert|update|delete|findAndModify|with)\b/.test(name);

interface Connections {
  readonly store: Store;
  readonly bus: Bus;
  close(): Promise<void>;
}

/** Connects to the servers in the environment. */
export function connected(env: NodeJS.ProcessEnv, used: Use): Connections {
  const { BENCH_PREFIX: prefix = "", POSTGRES_URL, MONGODB_URL = "", KAFKA_BROKERS = "" } = env;
  const note = (name: string, ms: number): void => {
    used.commands++;
    used.byName[name] = (used.byName[name] ?? 0) + 1;
    used.waitedMs += ms;
  };
  if (POSTGRES_URL !== undefined) {
    watchStatements(note);
    const options = { url: POSTGRES_URL, schema: prefix.replaceAll("-", "_") };
    return { store: postgresStore(options), bus: postgresBus(options), close: async () => {} };
  }
  const client = new MongoClient(MONGODB_URL, { monitorCommands: true });
  const collections = new Map<number, string>();
  client.on("commandStarted", ({ requestId, commandName, command }) => {
    collections.set(requestId, String(command[commandName]).slice(prefix.length + 1));
  });
  client.on("commandSucceeded", ({ requestId, commandName, duration }) => {
    note(`${commandName} ${collections.get(requestId)}`, duration);
    collections.delete(requestId);
  });
  const store = mongoStore({ client, prefix: `${prefix}_` });
  return { store, bus: kafkaBus({ brokers: KAFKA_BROKERS.split(","), prefix }), close: () => client.close() };
}

/** The driver does not report statements, but every pool sends them through a client. */
function watchStatements(note: (name: string, ms: number) => void): void {
  const { query } = Client.prototype;
  const watched = function (this: Client, ...args: unknown[]): unknown {
    const began = performance.now();
    const [statement] = args as [string | { readonly text: string }];
    const text = typeof statement === "string" ? statement : statement.text;
    const [, verb = ""] = /^\s*(\w+)/.exec(text) ?? [];
    const [, table = ""] = /"?\w+"?\.(\w+)/.exec(text) ?? [];
    const answer: unknown = Reflect.apply(query, this, args);
    const ended = () => note(`${verb.toLowerCase()} ${table}`, performance.now() - began);
    if (answer instanceof Promise) answer.then(ended, ended);
    else ended();
    return answer;
  };
  Client.prototype.query = watched as typeof query;
}

/** A bus whose published messages are counted. */
export const countedBus = (bus: Bus, used: Use): Bus => ({
  publish(topic, key, message) {
    used.messages++;
    return bus.publish(topic, key, message);
  },
  subscribe: (options) => bus.subscribe(options),
  close: () => bus.close(),
  ...(bus.health === undefined ? {} : { health: () => bus.health?.() ?? { status: "ok", restarts: 0, dropped: 0 } }),
});

/** A store whose sweeps and lost claims are counted. */
export function countedStore(store: Store, used: Use): Store {
  const counted: Pick<Store, "claim" | "dueTasks"> = {
    async claim(...args) {
      const record = await store.claim(...args);
      if (record === undefined) used.lostClaims++;
      return record;
    },
    async dueTasks(...args) {
      const due = await store.dueTasks(...args);
      used.sweeps += due.length;
      return due;
    },
  };
  return new Proxy(store, {
    get(target, name) {
      if (name in counted) return Reflect.get(counted, name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

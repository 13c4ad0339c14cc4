/*
 * Imported first by each entry point, so that an older version of Node says what is required instead of failing where a
 * function is missing.
 */
const required = [22, 18] as const;
const { node } = process.versions;
const [major = 0, minor = 0] = node.split(".").map(Number);

if (major < required[0] || (major === required[0] && minor < required[1])) {
  throw new Error(`flowkit requires Node ${required.join(".")} or newer, found ${node}`);
}

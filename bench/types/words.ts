import type { Caught } from "./cases.ts";

/** When a mistake is detected, in a word or two. */
export function whenCaught(caught: Caught): string {
  switch (caught.by) {
    case "compiler":
      return `compiler${caught.onToken ? "" : ", elsewhere"}${caught.lines > 1 ? `, ${caught.lines} lines` : ""}`;
    case "definition":
      return "when defined";
    case "run":
      return "when run";
    case "nobody":
      return caught.result === caught.expected ? "never: same result" : `never: ${caught.result}`;
    case "service":
      return "not before its server";
    case "no such concept":
      return "no such concept";
  }
}

/** The message that is reported. */
export function saidOf(caught: Caught): string {
  switch (caught.by) {
    case "compiler":
    case "definition":
    case "run":
      return caught.says;
    case "nobody":
      return `the run returns ${caught.result}, the correct program ${caught.expected}`;
    case "service":
      return "it compiles, and it can be loaded";
    case "no such concept":
      return caught.why;
  }
}

import type * as z from "zod";
import { WireCodec } from "../../src/core/codec/index.ts";
import { FlowError, type Json } from "../../src/errors/index.ts";
import { defineHandler, flow, type HandlerDefinition } from "../../src/index.ts";
import type { Run } from "./disagreement.ts";
import type { Member, Verdict } from "./program.ts";
import { samplesOf, schemaOf } from "./samples.ts";

/** The verdicts of the library when the program runs, and its handling of sample values. */
export class Runs {
  readonly #outputs = new Map<Member, HandlerDefinition | string>();
  readonly #inputs = new Map<Member, HandlerDefinition | string>();
  readonly #stored = new Map<Member, readonly Json[]>();
  readonly #codecs = new Map<Member, WireCodec>();

  /** The verdict of `defineHandler` on a schema. */
  definition(kind: "output" | "input", of: Member): Verdict {
    const made = this.#handler(kind, of);
    return typeof made === "string" ? made : true;
  }

  /** The verdict of `compile()` on an edge; `undefined` if one of its handlers cannot be defined. */
  edge(from: Member, to: Member): Verdict | undefined {
    const [producer, consumer] = [this.#handler("output", from), this.#handler("input", to)];
    if (typeof producer === "string" || typeof consumer === "string") return undefined;
    return (
      refusalOf(() =>
        flow("f")
          .node("a", producer as never)
          .then("b", consumer as never)
          .compile(),
      ) ?? true
    );
  }

  /** Whether the input of an edge accepts the values that its output stores. */
  run(from: Member, to: Member): Run {
    const values = this.#storedValues(from);
    const codec = this.#codec(to);
    if (values.length === 0) return "not tried";
    return values.every((value) => succeeded(() => [codec.decode(value)]) !== undefined) ? "takes all" : "refuses some";
  }

  #handler(kind: "output" | "input", of: Member): HandlerDefinition | string {
    const known = kind === "output" ? this.#outputs : this.#inputs;
    let made = known.get(of);
    if (made === undefined) {
      made = definitionOf(kind, of.schema);
      known.set(of, made);
    }
    return made;
  }

  /** The samples as the engine would store them. */
  #storedValues(of: Member): readonly Json[] {
    let values = this.#stored.get(of);
    if (values === undefined) {
      const codec = this.#codec(of);
      values = samplesOf(of.schema).flatMap(
        (sample) => succeeded(() => [codec.encode(codec.decode(sample as Json)) as Json]) ?? [],
      );
      this.#stored.set(of, values);
    }
    return values;
  }

  #codec(of: Member): WireCodec {
    let codec = this.#codecs.get(of);
    if (codec === undefined) {
      codec = new WireCodec(of.schema);
      this.#codecs.set(of, codec);
    }
    return codec;
  }
}

function definitionOf(kind: "output" | "input", schema: z.ZodType): HandlerDefinition | string {
  const processBatch = () => null as never;
  let made: HandlerDefinition | undefined;
  const refusal = refusalOf(() => {
    made =
      kind === "output"
        ? defineHandler("p", { output: schema as never, processBatch })
        : defineHandler("c", { input: schema, output: schemaOf("z.null()") as never, processBatch });
  });
  return made ?? refusal ?? "nothing was made";
}

function refusalOf(make: () => unknown): string | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    if (FlowError.is(error)) return error.message;
    throw error;
  }
}

function succeeded<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined; // the value does not match, or has no JSON form
  }
}

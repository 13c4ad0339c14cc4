import type { HandlerDefinition } from "../../../definitions/index.ts";
import { WireCodec } from "../../codec/index.ts";
import type { LogAccess } from "../../model/records.ts";

/** A handler with what a worker keeps of it between attempts: codecs of its schemas, and that `init` has run. */
export class HandlerRuntime {
  readonly definition: HandlerDefinition;
  readonly args: WireCodec | undefined;
  readonly input: WireCodec | undefined;
  readonly output: WireCodec;
  readonly result: WireCodec | undefined;
  readonly habits: LogAccess;
  #ready: Promise<void> | undefined;

  constructor(definition: HandlerDefinition) {
    this.definition = definition;
    this.args = codecOf(definition.args);
    this.input = codecOf(definition.input);
    this.output = new WireCodec(definition.output);
    this.result = codecOf(definition.result);
    this.habits = { resumes: definition.resumable, rereads: definition.finalize !== undefined };
  }

  get needsInit(): boolean {
    return this.definition.init !== undefined;
  }

  /** Runs `init` once a worker; after a failure the next attempt tries again. */
  init(): Promise<void> {
    if (this.#ready === undefined) {
      const ready = this.#init();
      this.#ready = ready;
      // Not within `#init`: one that throws at once would forget it before it is remembered.
      ready.catch(() => {
        this.#ready = undefined;
      });
    }
    return this.#ready;
  }

  async #init(): Promise<void> {
    await this.definition.init?.();
  }
}

function codecOf(schema: HandlerDefinition["input"]): WireCodec | undefined {
  return schema === undefined ? undefined : new WireCodec(schema);
}

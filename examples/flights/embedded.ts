import { createEngine } from "flowkit/engine";
import { type FlightFiles, flights } from "./flow.ts";

/** Runs everything in this process. */
export async function startEmbedded() {
  const engine = await createEngine({ handlers: flights.handlers });
  return {
    run: (params: FlightFiles) => engine.run(flights, { params }),
    [Symbol.asyncDispose]: () => engine.stop(),
  };
}

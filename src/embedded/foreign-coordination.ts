import type { Logger } from "../definitions/index.ts";
import { CommandStore } from "../engine/foreign/index.ts";
import type { Bus, Store } from "../engine/ports/index.ts";
import { FlowError } from "../errors/index.ts";
import { Ports } from "./ports.ts";

/** What a worker stands on whose coordinators are another program's: their database, and messages. */
export class ForeignCoordination {
  readonly ports: Ports<Pick<Store, "open" | "close" | "addDeadLetter">>;
  readonly store: CommandStore;

  /** @throws FlowError `ENGINE_OPTIONS` */
  constructor(
    options: { readonly store: Store; readonly bus?: Bus | undefined; readonly logger?: Logger | undefined },
    workerId: string,
  ) {
    const { bus } = options;
    const rows = options.store.plainRows;
    if (bus === undefined) throw refused("a bus that its coordinators send to");
    if ((bus.prefix ?? "") !== "") throw refused(`a bus without a prefix: this one has '${bus.prefix}'`);
    if (rows === undefined) throw refused("a mongoStore without a prefix");
    const store = {
      open: () => rows.open(),
      close: () => rows.close(),
      addDeadLetter: async () => {}, // the bus keeps them in a topic; this database isn't ours
    };
    this.ports = new Ports({ ...options, store });
    const { bus: guarded, clock, logger, watch } = this.ports;
    this.store = new CommandStore({ rows: watch.over(rows), bus: guarded, clock, logger, workerId });
  }

  get bus(): Bus {
    return this.store.bus;
  }
}

const refused = (what: string): FlowError =>
  new FlowError("ENGINE_OPTIONS", `new Worker: coordinator: "foreign" needs ${what}`);

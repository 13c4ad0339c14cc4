import { kafkaBus } from "flowkit/adapters/kafka";
import { mongoStore } from "flowkit/adapters/mongo";

/** Where the parts of the demo meet. */
export interface Addresses {
  /** `host:port`, several with commas between. */
  readonly kafkaBrokers: string;
  readonly mongodbUrl: string;
  /** What the names of its topics and collections begin with. */
  readonly prefix: string;
}

/** What every process of the demo is given, whatever it is: the same store, and the same bus. */
export const storeAndBus = ({ kafkaBrokers, mongodbUrl, prefix }: Addresses) => ({
  store: mongoStore({ url: mongodbUrl, prefix: `${prefix}_` }),
  bus: kafkaBus({ brokers: kafkaBrokers.split(","), prefix }),
});

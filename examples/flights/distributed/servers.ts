import { kafkaBus } from "flowkit/adapters/kafka";
import { mongoStore } from "flowkit/adapters/mongo";

/** The servers that the processes of the demo share. */
export interface Addresses {
  /** `host:port`, comma-separated. */
  readonly kafkaBrokers: string;
  readonly mongodbUrl: string;
  /** Prefix of topic and collection names. */
  readonly prefix: string;
}

/** The store and the bus of every process of the demo. */
export const storeAndBus = ({ kafkaBrokers, mongodbUrl, prefix }: Addresses) => ({
  store: mongoStore({ url: mongodbUrl, prefix: `${prefix}_` }),
  bus: kafkaBus({ brokers: kafkaBrokers.split(","), prefix }),
});

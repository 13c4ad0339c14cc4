/**
 * A message bus on Apache Kafka.
 *
 * @module flowkit/adapters/kafka
 */
export { kafkaBus } from "./kafka-bus.ts";
export type { KafkaBusOptions } from "./options.ts";

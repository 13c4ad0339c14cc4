/* A member of the group `g` that never finishes handling a message: `node bus-victim.ts OPTIONS`. */
import { postgresBus } from "../../../../src/adapters/postgres/index.ts";

const bus = postgresBus(JSON.parse(process.argv[2] ?? ""));
await bus.subscribe({
  group: "g",
  topics: ["t"],
  handle(message) {
    console.log("handling", "taskId" in message ? message.taskId : "");
    return new Promise(() => {});
  },
});
console.log("subscribed");

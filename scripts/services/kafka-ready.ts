import { once } from "node:events";
import { connect } from "node:net";

const findCoordinator = 10;
const describeGroups = 15;
const answerWithinMs = 2_000;

/**
 * Whether a broker serves consumer groups. The first request makes it create its offsets topic; until that is loaded,
 * clients would log errors about a broker that has just started.
 */
export async function isKafkaReady(port: number): Promise<boolean> {
  const group = text("flowkit-warm-up");
  const found = await ask(port, findCoordinator, group);
  if (found.readInt16BE(0) !== 0) return false;
  const described = await ask(port, describeGroups, Buffer.concat([int32(1), group]));
  return described.readInt16BE(4) === 0;
}

/** Sends a request of version 0 and resolves with the body of the response. */
async function ask(port: number, apiKey: number, body: Buffer): Promise<Buffer> {
  const header = Buffer.concat([int16(apiKey), int16(0), int32(1), text("flowkit")]);
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(answerWithinMs, () => socket.destroy(new Error("no answer")));
  try {
    socket.end(Buffer.concat([int32(header.length + body.length), header, body]));
    let answer = Buffer.alloc(0);
    while (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) {
      const [chunk] = await Promise.race([once(socket, "data"), once(socket, "close").then(() => [])]);
      if (chunk === undefined) throw new Error("the broker closed the connection");
      answer = Buffer.concat([answer, chunk]);
    }
    return answer.subarray(8);
  } finally {
    socket.destroy();
  }
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const text = (value: string): Buffer => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);

import { onTestFinished } from "vitest";
import { startTcpProxy, type TcpProxy } from "../../scripts/services/tcp-proxy.ts";

/** One that is closed when the test ends. */
export async function tcpProxy(target: Parameters<typeof startTcpProxy>[0]): Promise<TcpProxy> {
  const proxy = await startTcpProxy(target);
  onTestFinished(() => proxy.close());
  return proxy;
}

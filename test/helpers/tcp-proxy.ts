import { onTestFinished } from "vitest";
import { startTcpProxy, type TcpProxy } from "../../scripts/services/tcp-proxy.ts";

/** A proxy that is closed at the end of the test. */
export async function tcpProxy(target: Parameters<typeof startTcpProxy>[0]): Promise<TcpProxy> {
  const proxy = await startTcpProxy(target);
  onTestFinished(() => proxy.close());
  return proxy;
}

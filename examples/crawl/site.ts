import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { busyAtFirst, type Entry, entries, moved, silent } from "./solar-system.ts";

/** A local site with what crawlers encounter: slow, missing, moved, busy and unresponsive pages, and a dead link. */
export interface Site extends AsyncDisposable {
  readonly url: string;
  /** A link to another site, which does not respond. */
  readonly deadUrl: string;
  /** In order of arrival. */
  readonly requests: readonly Request[];
  /** The maximum number of concurrent requests. */
  readonly mostAtOnce: number;
}

export interface Request {
  readonly path: string;
  /** In milliseconds since 1970. */
  readonly at: number;
}

const msPerAstronomicalUnit = 6;
const retryAfterSec = 2;

export async function startSite(): Promise<Site> {
  const deadUrl = await addressOfNobody();
  const pages = new Map(entries.map((entry) => [entry.path, { ...entry, html: html(entry, deadUrl) }]));
  const requests: Request[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;

  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    const isFirst = requests.filter((request) => request.path === path).length === 1;
    const page = pages.get(path);
    if (silent.has(path)) return;
    if (moved[path] !== undefined) return void response.writeHead(301, { location: moved[path] }).end();
    if (page === undefined) return void response.writeHead(404).end("page not found");
    await sleep(page.distance * msPerAstronomicalUnit);
    if (busyAtFirst.has(path) && isFirst) {
      return void response.writeHead(503, { "retry-after": `${retryAfterSec}` }).end("too many visitors");
    }
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page.html);
  };

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "/";
    requests.push({ path, at: Date.now() });
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    response.once("close", () => atOnce--);
    void answer(path, response);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/`,
    deadUrl,
    requests,
    get mostAtOnce() {
      return mostAtOnce;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await close(server);
    },
  };
}

function html({ title, text, sections = {} }: Entry, deadUrl: string): string {
  const linked = (words: string) =>
    words.replaceAll(
      /\[(.+?)\]\((.+?)\)/g,
      (_, label: string, href: string) => `<a href="${href.startsWith("http:") ? deadUrl : href}">${label}</a>`,
    );
  const parts = Object.entries(sections).map(([id, words]) => `<h2 id="${id}">${id}</h2>\n<p>${linked(words)}</p>`);
  return [
    "<!doctype html>",
    `<title>${title}</title>`,
    `<h1 id="top">${title}</h1>`,
    `<p>${linked(text)}</p>`,
    ...parts,
  ].join("\n");
}

/** An address without a listener: a server there has just closed. */
async function addressOfNobody(): Promise<string> {
  const server = createServer();
  const port = await listen(server);
  await close(server);
  return `http://127.0.0.1:${port}/`;
}

async function listen(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(0, "127.0.0.1", resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
  });

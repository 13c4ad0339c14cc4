import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { binaries } from "../compilers.ts";

/* TypeScript 7.0 as an editor uses it: by the language server protocol over standard input and output. */

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Separates the header of a message from its content. */
const separator = "\r\n\r\n";

export class LanguageServer implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #received = Buffer.alloc(0);
  #lastId = 0;

  private constructor(folder: string) {
    const args = [binaries["7.0"], "--lsp", "--stdio"];
    this.#process = spawn(process.execPath, args, { cwd: folder, stdio: ["pipe", "pipe", "ignore"] });
    this.#process.stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#process.once("exit", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the language server ended with ${code}`));
    });
  }

  /** A server of the project in `folder`. */
  static async start(folder: string): Promise<LanguageServer> {
    const server = new LanguageServer(folder);
    const capabilities = { textDocument: { hover: { contentFormat: ["plaintext"] } } };
    const rootUri = pathToFileURL(folder).href;
    await server.#ask("initialize", { processId: process.pid, rootUri, capabilities });
    server.#send({ method: "initialized", params: {} });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill();
    await ended;
  }

  open(path: string, text: string): void {
    const textDocument = { uri: pathToFileURL(path).href, languageId: "typescript", version: 1, text };
    this.#send({ method: "textDocument/didOpen", params: { textDocument } });
  }

  /** The hover text at an offset of an open file. */
  async hover(path: string, text: string, offset: number): Promise<unknown> {
    const before = text.slice(0, offset).split("\n");
    const position = { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
    const textDocument = { uri: pathToFileURL(path).href };
    const shown = await this.#ask("textDocument/hover", { textDocument, position });
    return (shown as { readonly contents: { readonly value: unknown } } | null)?.contents.value;
  }

  #ask(method: string, params: object): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#send({ id, method, params });
    return answered;
  }

  #send(message: Message): void {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#process.stdin?.write(`Content-Length: ${Buffer.byteLength(text)}${separator}${text}`);
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const head = this.#received.indexOf(separator);
      if (head === -1) return;
      const [, length] = /Content-Length: (\d+)/.exec(this.#received.toString("utf8", 0, head)) ?? [];
      const start = head + separator.length;
      const end = start + Number(length);
      if (this.#received.length < end) return;
      const text = this.#received.toString("utf8", start, end);
      this.#received = this.#received.subarray(end);
      this.#take(JSON.parse(text) as Message);
    }
  }

  #take({ id, method, result, error }: Message): void {
    if (id === undefined) return; // a notification: log lines and diagnostics
    if (method !== undefined) {
      this.#send({ id, result: null }); // a request to watch files
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }
}

import { randomBytes } from "node:crypto";
import { FlowError, isInstance, propertyOf, thrownMessage } from "../../errors/index.ts";
import type { Studio, StudioOptions } from "../../studio/serving/server.ts";
import type { StudioFlow } from "../../studio/views/flows.ts";
import { ownVersion } from "../loading/one-flowkit.ts";
import type { GraphFile } from "../loading/read-graph.ts";
import type { ReadSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What a studio shows and can start. */
export type StudioParts = Pick<
  StudioOptions,
  "store" | "storeName" | "logger" | "runs" | "flows" | "adapters" | "fns" | "bus" | "limits" | "externalTypes"
>;

/** The flows of files, as the studio shows them. */
export const studioFlows = (files: readonly GraphFile[]): readonly StudioFlow[] =>
  files.map((each) => ({
    graph: each.graph,
    file: each.file,
    ...(each.kind === "flow" ? { flow: each.box.flow } : {}),
  }));

const defaultPort = 4477;

/**
 * Opens the studio with its settings.
 *
 * @throws CliError `CLI_USAGE` without a token that it needs, `CLI_PORT_UNAVAILABLE`
 */
export async function openStudioOf(
  terminal: Terminal,
  { settings: { studio = {} } }: ReadSettings,
  parts: StudioParts,
  options: { readonly makesToken?: boolean } = {},
): Promise<Studio> {
  const { port = defaultPort, host, readOnly = false } = studio;
  const made = studio.token === undefined && options.makesToken === true ? newToken(terminal) : undefined;
  // Hono takes part of a second to load, which no other command should wait for.
  const { openStudio } = await import("../../studio/serving/server.ts");
  try {
    return await openStudio({
      ...parts,
      port,
      host,
      token: studio.token ?? made,
      readOnly,
      version: ownVersion(),
    });
  } catch (error) {
    throw asCliError(error, `${host ?? "127.0.0.1"}, port ${port}`);
  }
}

/** Printed once, and to the terminal only. */
function newToken(terminal: Terminal): string {
  const token = randomBytes(24).toString("base64url");
  terminal.note(`token of the studio: ${token}`);
  return token;
}

function asCliError(error: unknown, where: string): unknown {
  if (FlowError.is(error, "STUDIO_TOKEN_REQUIRED")) {
    return new CliError("CLI_USAGE", error.message, {
      cause: error,
      hint: "Set FLOWKIT_STUDIO_TOKEN, or studio.token in the config file; flowkit studio --auth makes one.",
    });
  }
  const isListening = isInstance(error, Error) && propertyOf(error, "syscall") === "listen";
  if (!isListening) return error;
  return new CliError("CLI_PORT_UNAVAILABLE", `cannot listen on ${where}: ${thrownMessage(error)}`, {
    cause: error,
    hint: "Choose another port; 0 is any free one.",
  });
}

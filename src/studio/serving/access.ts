import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { FlowError } from "../../errors/index.ts";

/*
 * Access control. A web page of another site can make the browsers of this machine send requests:
 *
 * - By resolving its own name to this machine (DNS rebinding): such a request names the other host. Without a token,
 *   only names of this machine are accepted.
 * - By sending a form or an image request (CSRF): such a request has another origin, or another content type.
 */

export interface AccessOptions {
  /** Requests must present it as a bearer token or by the cookie that {@link Access.session} returns. */
  readonly token?: string | undefined;
  readonly readOnly: boolean;
}

/** The part of a request that decides about access. */
export interface Asking {
  readonly method: string;
  readonly path: string;
  header(name: string): string | undefined;
}

/** Shorter ones could be guessed. */
export const leastTokenLength = 16;

const loopbackName = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/** Whether only this machine can reach a server that is bound to this address. */
export const isLoopback = (address: string): boolean => loopbackName.test(address) || address === "::1";

/** Decides whether a request is answered. */
export class Access {
  readonly #options: AccessOptions;
  /** The value of the cookie: it proves that its browser knew the token, and is valid for this process only. */
  readonly #session = randomBytes(32).toString("base64url");
  /** Random, because browsers send the cookies of a host to all of its ports. */
  readonly #cookie = `flowkit_studio_${randomBytes(4).toString("hex")}`;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /**
   * Checks a request for the API.
   *
   * @throws FlowError `STUDIO_FORBIDDEN`, `STUDIO_UNAUTHORIZED`, `STUDIO_READ_ONLY`, `STUDIO_REQUEST_INVALID`
   */
  check(asking: Asking): void {
    this.checkOrigin(asking);
    const site = asking.header("sec-fetch-site");
    if (site !== undefined && site !== "same-origin" && site !== "none") {
      throw new FlowError("STUDIO_FORBIDDEN", "requests from other sites are refused");
    }
    const isSession = asking.path === "/api/session";
    if (!isSession && !this.#isKnown(asking)) {
      throw new FlowError("STUDIO_UNAUTHORIZED", "this studio requires its token");
    }
    if (asking.method === "GET" || asking.method === "HEAD") return;
    if (asking.header("content-type")?.split(";")[0]?.trim().toLowerCase() !== "application/json") {
      throw new FlowError("STUDIO_REQUEST_INVALID", "the content-type must be application/json", {
        details: { status: 415 },
      });
    }
    if (this.#options.readOnly && !isSession) {
      throw new FlowError("STUDIO_READ_ONLY", "this studio is read-only: it was started with --read-only");
    }
  }

  /**
   * Checks the host and the origin of any request.
   *
   * @throws FlowError `STUDIO_FORBIDDEN`
   */
  checkOrigin(asking: Asking): void {
    const host = asking.header("host") ?? "";
    const isOpen = this.#options.token === undefined;
    if (isOpen && !loopbackName.test(host.replace(/:\d{1,5}$/, ""))) {
      throw new FlowError("STUDIO_FORBIDDEN", "this studio answers requests for localhost only; others need a token");
    }
    if (isOpen && (asking.header("x-forwarded-for") ?? asking.header("forwarded")) !== undefined) {
      throw new FlowError("STUDIO_FORBIDDEN", "this studio answers no requests by a proxy; these need a token");
    }
    const origin = asking.header("origin");
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new FlowError("STUDIO_FORBIDDEN", "requests from other origins are refused");
    }
  }

  /**
   * The value of the header `set-cookie` for a browser that knows the token.
   *
   * @throws FlowError `STUDIO_UNAUTHORIZED`
   */
  session(token: string): string {
    const wanted = this.#options.token;
    if (wanted !== undefined && !isSame(token, wanted)) {
      throw new FlowError("STUDIO_UNAUTHORIZED", "this is not the token of this studio");
    }
    return `${this.#cookie}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  #isKnown(asking: Asking): boolean {
    const { token } = this.#options;
    if (token === undefined) return true;
    const bearer = /^Bearer (.+)$/.exec(asking.header("authorization") ?? "")?.[1];
    if (bearer !== undefined) return isSame(bearer, token);
    const cookies = (asking.header("cookie") ?? "").split(/; */).map((each) => each.split("="));
    return cookies.some(([name, value = ""]) => name === this.#cookie && isSame(value, this.#session));
  }
}

/** Compares in constant time. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

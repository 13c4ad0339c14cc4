import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ServiceMissing } from "./downloads.ts";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);

/** The listener for authenticated clients. */
export interface Secured {
  /** `host:port`, as kafkajs expects it. */
  readonly address: string;
  /** The PEM certificate of the authority that signed the broker's. */
  readonly ca: string;
}

interface SecuredListener {
  readonly way: Secured;
  readonly listener: string;
  /** Lines of `server.properties`. */
  readonly settings: readonly string[];
  /** For the tool that formats the broker's storage, which contains the initial SCRAM users. */
  readonly formatArgs: readonly string[];
}

/**
 * A listener with TLS and SASL, and an authorizer.
 *
 * @throws ServiceMissing without openssl
 */
export async function securedListener(options: {
  readonly users: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Ports that are already reserved. */
  readonly taken: readonly number[];
}): Promise<SecuredListener> {
  const { users, folder, taken } = options;
  const port = await freePort(...taken);
  const { keyStore, ca } = await certificates(folder);
  const passwords = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`);
  const login = "org.apache.kafka.common.security";
  const settings = [
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL",
    "listener.name.secured.ssl.keystore.type=PEM",
    `listener.name.secured.ssl.keystore.location=${keyStore}`,
    "listener.name.secured.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
    `listener.name.secured.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required ${passwords.join(" ")};`,
    `listener.name.secured.scram-sha-256.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users=User:ANONYMOUS",
  ];
  return {
    way: { address: `127.0.0.1:${port}`, ca },
    listener: `SECURED://127.0.0.1:${port}`,
    settings,
    formatArgs: Object.entries(users).flatMap(([name, password]) => [
      "--add-scram",
      `SCRAM-SHA-256=[name=${name},password=${password}]`,
    ]),
  };
}

/** A certificate authority for this broker alone, and the certificates that it signed. */
async function certificates(folder: string): Promise<{ readonly keyStore: string; readonly ca: string }> {
  const file = (name: string) => join(folder, name);
  const openssl = async (...args: readonly string[]) => {
    try {
      await run("openssl", args);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT")
        throw new ServiceMissing("missing openssl: install it");
      throw error;
    }
  };
  const newKey = (name: string) => ["-newkey", "rsa:2048", "-nodes", "-keyout", file(`${name}-key.pem`)];
  await openssl("req", "-x509", "-days", "2", "-subj", "/CN=flowkit test CA", ...newKey("ca"), "-out", file("ca.pem"));
  await openssl("req", "-subj", "/CN=127.0.0.1", ...newKey("broker"), "-out", file("broker.csr"));
  writeFileSync(file("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost");
  const signedBy = ["-CA", file("ca.pem"), "-CAkey", file("ca-key.pem"), "-CAcreateserial", "-days", "2"];
  const what = ["-in", file("broker.csr"), "-out", file("broker.pem"), "-extfile", file("names")];
  await openssl("x509", "-req", ...what, ...signedBy);
  const ca = readFileSync(file("ca.pem"), "utf8");
  const keyStore = file("broker-store.pem");
  const parts = ["broker-key.pem", "broker.pem"].map((name) => readFileSync(file(name), "utf8"));
  writeFileSync(keyStore, [...parts, ca].join(""));
  return { keyStore, ca };
}

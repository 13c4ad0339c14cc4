import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detectSensitive } from "../../../../src/builtins/coordinator-functions/index.ts";
import { createBuiltInCoordinatorFns } from "../../../../src/definitions/built-in-functions.ts";
import { ContendedVars, call, type LoggedLine, recordingLogger } from "./fake-context.ts";

// Secrets are put together from parts, so that no scanner takes this file for a leak.
const secrets: readonly (readonly [kind: string, secret: string])[] = [
  [
    "a JSON web token",
    ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"].join("."),
  ],
  [
    "a JSON web token",
    ["eyJhbGciOiJkaXIifQ", "", "48V1_ALb6US04U3b", "5eym8TW_c8SuK0lt", "XFBoMYUZodetZdvT"].join("."),
  ],
  ["a PEM block", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"],
  ["a PEM block", "text before -----BEGIN PRIVATE KEY----- and after"],
  ["a PEM block", "-----BEGIN OPENSSH PRIVATE KEY-----"],
  ["an AWS key", `AKIA${"IOSFODNN7EXAMPLE"}`],
  ["an AWS key", `key=ASIA${"IOSFODNN7EXAMPLE"};`],
  ["a Google key", `AIza${"SyA-1234567890abcdefghijklmnopqrstu"}`],
  ["an Azure key", `AccountName=x;AccountKey=${"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu"}==`],
  ["a GitHub or GitLab token", `ghp_${"16C7e42F292c6912E7710c838347Ae178B4a"}`],
  ["a GitHub or GitLab token", `glpat-${"abcdefghij1234567890"}`],
  ["an access token", `xoxb-${"123456789012-abcdefghij"}`],
  ["an access token", `sk_live_${"4eC39HqLyjWDarjtT1zdp7dc"}`],
  ["an authorization header", "Authorization: Bearer mF_9.B5f-4.1JqM.xyz"],
  ["an authorization header", `basic ${"dXNlcjpwYXNzd29yZDEyMw=="}`],
  ["a URL with a password", "postgres://app:hunter2@db.internal:5432/app"],
  ["a URL with a password", "redis://:hunter2@cache"],
  ["a long random key", `kT9xWq2LbV/8sHn3RzY+${"4fGm7JcPd1UeXa6oQiBv"}`],
  ["a long random key", `token is ${"Zx81mQp40LwTe7RfVb29KsYhNc63JdGu"}`],
];

const harmless: readonly string[] = [
  "",
  "hello",
  "2026-11-24T17:46:27.123+01:00",
  "123e4567-e89b-12d3-a456-426614174000",
  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
  "https://example.com/data/2026/11/24/Flights-Of-The-Day.csv?page=2&sort=desc",
  "https://user@example.com/path:with/colons@and-at",
  "s3://warehouse/tenantA/year=2026/month=11/part-00001-of-00128.parquet",
  "/srv/Data/Incoming/CustomerOrders2026/Batch0042/RowGroup7.parquet",
  "tenants/acme/users/user_01h2xcejqtf2nbrexx3vqjhp41/orders/order_01h455vb4pex5vsknk084sn02q",
  "01H2XCEJQTF2NBREXX3VQJHP41/01H455VB4PEX5VSKNK084SN02Q",
  "k3j5h2g9x8q1w7e4r6t0y2u5i8o1p3a4",
  "/srv/cache/objects/da39a3ee5e6b4b0d3255bfef95601890afd80709/index",
  "s3://warehouse/TenantA1/Runs/123e4567-e89b-12d3-a456-426614174000/Attempt2/Part-00001",
  "Images/FlowKit/Worker3/SHA256/E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
  "com.example.billing.InvoiceServiceFactoryBeanConfigurationV2",
  "thisIsAVeryLongCamelCaseIdentifierWithNumber42InIt",
  "THIS_IS_A_LONG_CONSTANT_NAME_WITH_NUMBER_42_IN_IT",
  "a-rather-long-slug-of-a-page-about-nothing-in-particular-2026",
  "the bearer of bad responsibilities1 is a bearer of news",
  "basic responsibilities of a coordinator",
  "the sk-iing season, AKIA and eyJ are prefixes; BEGIN is a word: ----- BEGIN",
  "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
  "3.141592653589793238462643383279502884197169399375105820974944",
  "0".repeat(65_536),
];

describe("the detector of sensitive values", () => {
  it.each(secrets)("recognises %s: %#", (kind, secret) => {
    expect(detectSensitive(secret)).toBe(kind);
    expect(detectSensitive(`some text, then ${secret}`)).toBe(kind);
  });

  it.each(harmless)("lets pass: %#", (text) => {
    expect(detectSensitive(text)).toBeUndefined();
  });

  it("recognises nearly every random key, and hardly a name", () => {
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"];
    const words = "get User Order Total By Region And Date Is Very Long Customer Batch Row Id At 42".split(" ");
    const one = (of: readonly string[]) => fc.noBias(fc.nat(of.length - 1)).map((at) => of[at] ?? "");
    const joined = (of: readonly string[], length: number) =>
      fc.array(one(of), { minLength: length, maxLength: length }).map((parts) => parts.join(""));
    const found = (arbitrary: fc.Arbitrary<string>) =>
      fc.sample(arbitrary, { numRuns: 2_000, seed: 7 }).filter((text) => detectSensitive(text) !== undefined).length;

    expect(found(joined(letters, 40))).toBeGreaterThan(1_940);
    expect(found(joined(words, 10))).toBeLessThan(100);
  });

  it("takes no words for random", async () => {
    const word = fc.constantFrom("Order", "customer", "2026", "Batch", "row", "v2", "US", "Invoice", "total", "Q4");
    const longer = (word: string) => (word.length < 5 ? `${word}Segment` : word);
    const name = fc
      .array(word, { minLength: 5, maxLength: 12 })
      .chain((words) => fc.constantFrom("", "-", "_", "/").map((separator) => words.map(longer).join(separator)));
    await fc.assert(fc.property(name, (text) => detectSensitive(text) === undefined));
  });
});

describe.each([
  ["vars.set", "kv"],
  ["vars.merge", "data"],
])("block_sensitive in %s", (fn, argument) => {
  const secret = secrets[0]?.[1] ?? "";
  const give = (value: unknown, options: Parameters<typeof call>[2] = {}, block = true) =>
    call(fn, { [argument]: { login: { token: value } }, block_sensitive: block }, options);

  it.each([[secret], [["ok", secret]], [[{ deep: [secret] }]], [[{ [secret]: 1 }]]])(
    "refuses a secret wherever it is, and tells it to nobody: %#",
    async (value) => {
      const lines: LoggedLine[] = [];
      const vars = new ContendedVars({ old: 1 });
      const error = await give(value, { vars, logger: recordingLogger(lines) }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: "bad_fn_args",
        permanent: true,
        message: expect.stringContaining("the value of the variable 'login.token' looks like a JSON web token"),
      });
      const told = [error, lines].map((it) => JSON.stringify(it)).join() + String((error as Error).stack);
      for (let i = 0; i + 12 <= secret.length; i++) expect(told).not.toContain(secret.slice(i, i + 12));
      expect(vars.current).toEqual({ old: 1 });
    },
  );

  it("lets other values pass, and secrets where it isn't asked for", async () => {
    await expect(give("hello")).resolves.toEqual({ keys: ["login.token"] });
    await expect(give(secret, {}, false)).resolves.toEqual({ keys: ["login.token"] });
    await expect(call(fn, { [argument]: { token: secret } })).resolves.toEqual({ keys: ["token"] });
  });

  it("takes another detector", async () => {
    const fns = createBuiltInCoordinatorFns({
      detectSensitive: (text) => (text.startsWith("cust_") ? "a customer key" : detectSensitive(text)),
    });
    await expect(give("cust_12", { fns })).rejects.toThrow("'login.token' looks like a customer key");
    await expect(give(secret, { fns })).rejects.toThrow("looks like a JSON web token");
    await expect(give("other", { fns })).resolves.toBeDefined();
  });
});

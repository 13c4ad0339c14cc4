const shape = /^(mongodb(?:\+srv)?:\/\/)([^@/?#]*@)?([^@/?#]+)(\/[^@/?#]*)?(\?.*)?$/s;

/**
 * The servers and the database of a URL. A malformed URL is masked entirely, because its secrets cannot be located.
 *
 * @example
 * urlWithoutSecrets("mongodb://ann:secret@db-1,db-2/shop?tls=true") // "mongodb://****@db-1,db-2/shop?****"
 */
export function urlWithoutSecrets(url: string): string {
  const parts = shape.exec(url);
  if (parts === null) return "mongodb://****";
  const [, scheme = "", account, servers = "", path = "", options] = parts;
  return `${scheme}${account === undefined ? "" : "****@"}${servers}${path}${options === undefined ? "" : "?****"}`;
}

/**
 * The password of a URL, both percent-encoded and decoded.
 *
 * @example
 * passwordsOf("mongodb://ann:p%40ss@db/shop") // ["p%40ss", "p@ss"]
 */
export function passwordsOf(url: string): readonly string[] {
  const [, account = ""] = /^[a-z+]+:\/\/(.*)@/s.exec(url) ?? [];
  const [, password = ""] = /^[^:]*:(.+)$/s.exec(account) ?? [];
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return [password]; // the driver reports the malformed URL
  }
}

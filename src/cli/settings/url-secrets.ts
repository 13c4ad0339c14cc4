const shape = /^(mongodb(?:\+srv)?:\/\/)([^@/?#]*@)?([^@/?#]+)(\/[^@/?#]*)?(\?.*)?$/s;

/**
 * Server and database of a URL; nothing of one that isn't written as URLs are, since who knows what is where in it.
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
 * The password of a URL, as it stands there and as it is meant.
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
    return [password]; // the driver will say that it is none
  }
}

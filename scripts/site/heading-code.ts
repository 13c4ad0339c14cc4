interface Token {
  type: string;
  tag: string;
  content: string;
  children: Token[] | null;
}

interface Parser {
  readonly core: {
    readonly ruler: {
      push(name: string, rule: (state: { readonly tokens: Token[]; readonly Token: TokenClass }) => void): void;
    };
  };
}

type TokenClass = new (type: string, tag: string, nesting: 0) => Token;

/**
 * Includes code in the anchor of a heading and in its line of "On this page". TypeDoc uses only the plain text: "What
 * `ctx` offers" would become `#what-offers`, and links that work on GitHub would be dead.
 */
export function headingsWithCode(parser: Parser): void {
  parser.core.ruler.push("heading-code", ({ tokens, Token }) => {
    for (const [index, { type }] of tokens.entries()) {
      const inline = tokens[index + 1];
      if (type !== "heading_open" || !inline?.children) continue;
      inline.children = inline.children.flatMap((token) => {
        if (token.type !== "code_inline") return [token];
        const text = new Token("text", "", 0);
        text.content = token.content;
        return [html(Token, "<code>"), text, html(Token, "</code>")];
      });
    }
  });
}

function html(Token: TokenClass, content: string): Token {
  const token = new Token("html_inline", "", 0);
  token.content = content;
  return token;
}

/** Thrown values that cannot be read like errors, by name. Each call creates a new one. */
export const hostileErrors: Readonly<Record<string, { readonly make: () => unknown; readonly says: RegExp }>> = {
  "an error whose message is an object": {
    make: () => Object.assign(new Error("x"), { message: { status: 502 } }),
    says: /Error: \{"status":502\}/,
  },
  "an error whose message is undefined": {
    make: () => Object.defineProperty(new RangeError("x"), "message", { value: undefined }),
    says: /RangeError with an unreadable message/,
  },
  "an error whose message is a cycle": {
    make: () => {
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      return Object.assign(new Error("x"), { message: cycle });
    },
    says: /Error: a value of type object/,
  },
  "an error whose message cannot be read": {
    make: () => withGetter("message"),
    says: /Error with an unreadable message/,
  },
  "an error whose stack cannot be read": { make: () => withGetter("stack"), says: /the real words/ },
  "an error whose cause cannot be read": { make: () => withGetter("cause"), says: /the real words/ },
  "an error whose code cannot be read": { make: () => withGetter("code"), says: /the real words/ },
  "an error whose name cannot be read": { make: () => withGetter("name"), says: /the real words/ },
  "an error whose stack is a number": {
    make: () => Object.assign(new Error("the real words"), { stack: 7 }),
    says: /the real words/,
  },
  "an error that causes itself": {
    make: () => {
      const error = new Error("the real words");
      return Object.assign(error, { cause: error });
    },
    says: /the real words/,
  },
  "an unpaired surrogate": { make: () => new Error("the real words \ud800"), says: /the real words \ufffd/ },
  "a proxy of an error": { make: () => new Proxy(new Error("the real words"), {}), says: /the real words/ },
  "a proxy whose traps all throw": {
    make: () => new Proxy(new Error("x"), throwingTraps()),
    says: /was thrown instead/,
  },
  "a revoked proxy": { make: revokedProxy, says: /was thrown instead/ },
  "an object without a prototype": { make: () => Object.create(null), says: /was thrown instead/ },
  "an empty string": { make: () => "", says: /an empty string was thrown/ },
};

function withGetter(key: string): Error {
  return Object.defineProperty(new Error("the real words"), key, {
    enumerable: true,
    get() {
      throw new Error("a getter throws");
    },
  });
}

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function throwingTraps(): ProxyHandler<Error> {
  const trap = () => {
    throw new Error("a trap throws");
  };
  return { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap };
}

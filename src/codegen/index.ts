export { type ToTypeScriptOptions, toTypeScript } from "./to-typescript.ts";

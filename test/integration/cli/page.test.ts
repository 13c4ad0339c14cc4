import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { truePage } from "../../helpers/console-page.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

test.each(["docs/cli.md", "docs/quick-start.md"])("%s shows what the command prints", async (file) => {
  const page = resolve(file);
  await expect(truePage(readFileSync(page, "utf8"), tempFolder())).toMatchFileSnapshot(page);
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App, withNode } from "@parley/app-testing";
import { expect, it } from "vitest";

const script = (name: string) => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
const DESK = "did:web:localhost:desk";
const VAULT = "did:web:localhost:vault";

it("issues, stores, presents and revokes a credential, and opens the vault only with it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "parley-desk-"));
  const register = join(folder, "register.json");
  try {
    await withNode(async (env) => {
      const startDesk = () => new App(script("desk"), [register], { ...env, LAYR8_AGENT_DID: DESK });
      const employee = async (...args: string[]): Promise<string> => {
        await using app = new App(script("employee"), args, { ...env, LAYR8_AGENT_DID: "did:web:localhost:erin" });
        const code = await app.exit();
        return `${code}: ${app.lines.join(" ")}`;
      };
      await using vault = new App(script("vault"), [DESK], { ...env, LAYR8_AGENT_DID: VAULT });
      await using desk = startDesk();
      await Promise.all([desk.said(`issuing as ${DESK}`), vault.said(`guarding as ${VAULT}`)]);

      expect(await employee("open", VAULT)).toBe(`1: e.m.authz.denied: The vault requires an EmployeeCredential issued by ${DESK}`);
      expect(await employee("enrol", DESK, "Erin")).toMatch(/^0: stored urn:uuid:\S+ as \S+$/);
      expect(await employee("list")).toMatch(/^0: stored credentials: 1 \S+ from did:web:localhost:desk$/);
      expect(await employee("open", VAULT, "--without")).toContain("1: e.m.authz.denied");
      expect(await employee("open", VAULT)).toBe("0: found 42 gold bars");

      desk.type("revoke Erin");
      await desk.said("revoked 1 of Erin");
      await expect.poll(() => employee("open", VAULT)).toMatch(/^1: .*revoked/);
      vault.kill("SIGTERM");
      expect(await vault.exit()).toBe(0);
      desk.kill("SIGTERM");
      expect(await desk.exit()).toBe(0);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

// The bundlers that programs with layr8 or skytale are bundled with, set as the README's section "Bundling" says.
import { builtinModules } from "node:module";
import { join } from "node:path";

/** For CommonJS packages in an ES module, whose `require` of Node's own modules esbuild leaves as it is. */
const REQUIRE = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** Each bundles a program of a project into a folder, and resolves with the path of the bundle. */
export const BUNDLERS = {
  "esbuild (ES module)": async (project, program, folder) => {
    const { build } = await import("esbuild");
    const outfile = join(folder, "out.mjs");
    const banner = { js: REQUIRE };
    await build({
      entryPoints: [join(project, program)],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      banner,
      logLevel: "silent",
    });
    return outfile;
  },
  "Vite (SSR)": async (project, program, folder) => {
    return bundleWithVite(project, program, folder, { build: { ssr: join(project, program) }, ssr: { noExternal: true } });
  },
  "Vite (build)": async (project, program, folder) => {
    const options = { platform: "node", external: [/^node:/, ...builtinModules] };
    const resolve = { conditions: ["node", "import", "module", "default"] };
    return bundleWithVite(project, program, folder, { resolve, build: { target: "node20", modulePreload: false }, options });
  },
  Rollup: async (project, program, folder) => {
    const [{ rollup }, { nodeResolve }, { default: commonjs }, { default: json }] = await Promise.all([
      import("rollup"),
      import("@rollup/plugin-node-resolve"),
      import("@rollup/plugin-commonjs"),
      import("@rollup/plugin-json"),
    ]);
    const plugins = [nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs(), json()];
    const bundle = await rollup({ input: join(project, program), plugins, external: /^node:/, onwarn: () => undefined });
    await bundle.write({ dir: folder, format: "es", entryFileNames: "out.mjs" });
    return join(folder, "out.mjs");
  },
  webpack: async (project, program, folder) => {
    const { default: webpack } = await import("webpack");
    const output = { path: folder, filename: "out.mjs", module: true, chunkFormat: "module" };
    const compiler = webpack({
      mode: "production",
      target: "node20",
      context: project,
      entry: join(project, program),
      output,
      experiments: { outputModule: true },
      optimization: { minimize: false },
    });
    const stats = await new Promise((resolve, reject) => compiler.run((error, done) => (error ? reject(error) : resolve(done))));
    const { errors } = stats.toJson({ all: false, errors: true });
    if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
    return join(folder, "out.mjs");
  },
};

async function bundleWithVite(project, program, folder, { build: more, options = {}, ...config }) {
  const { build } = await import("vite");
  const rolldownOptions = { input: join(project, program), output: { entryFileNames: "out.mjs", format: "es" }, ...options };
  const shared = { outDir: folder, emptyOutDir: true, minify: false };
  await build({ root: project, configFile: false, logLevel: "silent", ...config, build: { ...shared, ...more, rolldownOptions } });
  return join(folder, "out.mjs");
}

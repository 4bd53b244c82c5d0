// How each package manager installs into an empty project, with install scripts as it has them by default.
// Must not: know what is installed, nor whether it works there.
import path from 'node:path'
import { programOf, versionOf } from './programs.mjs'

/**
 * `add(what, { folder, exec, registry })`: `what` is a tarball's path, or a name of the registry. `flags`: what Node wants to find it
 * there. `remedy`: what an error is to name where vtepd has no addon; undefined where nothing can be taken out of the project.
 */
export const MANAGERS = [
  {
    name: `pnpm ${versionOf('pnpm')}`,
    add: (what, { folder, exec, registry }) =>
      exec(programOf('pnpm'), ['add', '--registry', registry, '--store-dir', path.join(folder, '.store'), what], {
        folder,
      }),
    remedy: /pnpm approve-builds/,
  },
  {
    name: `yarn ${versionOf('yarn1')}`,
    add: (what, { folder, exec, registry }) =>
      exec(
        programOf('yarn1'),
        ['add', '--registry', registry, '--cache-folder', path.join(folder, '.cache'), spec(what)],
        { folder },
      ),
    remedy: /yarn install --force/,
  },
  ...['node-modules', 'pnp'].map((linker) => ({
    name: `yarn ${versionOf('yarn4')}, ${linker}`,
    add(what, { folder, exec, registry }) {
      const env = {
        YARN_NODE_LINKER: linker,
        YARN_NPM_REGISTRY_SERVER: registry,
        YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
        YARN_ENABLE_GLOBAL_CACHE: 'false',
        YARN_ENABLE_TELEMETRY: 'false',
        YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
        YARN_NPM_MINIMAL_AGE_GATE: '0',
      }
      exec(programOf('yarn4'), ['add', path.isAbsolute(what) ? `vtepd@${spec(what)}` : what], { folder, env })
    },
    flags: linker === 'pnp' ? ['--require', './.pnp.cjs', '--loader', './.pnp.loader.mjs'] : [],
  })),
  {
    name: `bun ${versionOf('bun')}`,
    add: (what, { folder, exec, registry }) =>
      exec(programOf('bun'), ['add', what], {
        folder,
        env: { BUN_CONFIG_REGISTRY: registry, BUN_INSTALL: path.join(folder, '.bun') },
      }),
    remedy: /bun pm trust vtepd/,
  },
]

function spec(what) {
  return path.isAbsolute(what) ? `file:${what}` : what
}

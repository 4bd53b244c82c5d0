// vtepd's tarball, installed by each package manager into an empty project and used there, with install scripts as the manager has
// them by default. Then without its prebuilt addons, where the error must name the manager's own remedy. A case throws where it fails.
import { rmSync } from 'node:fs'
import path from 'node:path'
import { programOf, versionOf } from './programs.mjs'

/** `{ name, run }`, where `run({ tarball, folder, env, exec, use })` installs into the project `folder`. */
export const MANAGERS = [
  {
    name: `pnpm ${versionOf('pnpm')}`,
    run({ tarball, folder, exec, use }) {
      const file = programOf('pnpm')
      exec(file, ['add', '--store-dir', path.join(folder, '.store'), tarball], { folder })
      use(folder)
      rmSync(path.join(folder, 'node_modules/vtepd/prebuilds'), { recursive: true })
      use(folder, /pnpm approve-builds/)
    },
  },
  {
    name: `yarn ${versionOf('yarn1')}`,
    run({ tarball, folder, exec, use }) {
      const file = programOf('yarn1')
      exec(file, ['add', '--cache-folder', path.join(folder, '.cache'), `file:${tarball}`], { folder })
      use(folder)
      rmSync(path.join(folder, 'node_modules/vtepd/prebuilds'), { recursive: true })
      use(folder, /yarn install --force/)
    },
  },
  ...['node-modules', 'pnp'].map((linker) => ({
    name: `yarn ${versionOf('yarn4')}, ${linker}`,
    run({ tarball, folder, exec, use, registry }) {
      const file = programOf('yarn4')
      const env = {
        YARN_NODE_LINKER: linker,
        YARN_NPM_REGISTRY_SERVER: registry,
        YARN_ENABLE_GLOBAL_CACHE: 'false',
        YARN_ENABLE_TELEMETRY: 'false',
        YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
        YARN_NPM_MINIMAL_AGE_GATE: '0',
      }
      exec(file, ['add', `vtepd@file:${tarball}`], { folder, env })
      const node = linker === 'pnp' ? ['--require', './.pnp.cjs', '--loader', './.pnp.loader.mjs'] : []
      use(folder, undefined, node)
    },
  })),
  {
    name: `bun ${versionOf('bun')}`,
    run({ tarball, folder, exec, use, registry }) {
      const file = programOf('bun')
      exec(file, ['add', tarball], {
        folder,
        env: { BUN_CONFIG_REGISTRY: registry, BUN_INSTALL: path.join(folder, '.bun') },
      })
      use(folder)
      rmSync(path.join(folder, 'node_modules/vtepd/prebuilds'), { recursive: true })
      use(folder, /bun pm trust vtepd/)
    },
  },
]

/**
 * Where the addon of this machine is looked for, and how this installation gets one. Stands two levels below the package root, as
 * lib/addon/addon-place.ts and as dist/addon/addon-place.js. Must not: load it (addon.ts).
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

export const ADDON_FILE = 'vtepd_native.node'

/** libc-2.28.so before glibc 2.34. */
const GLIBC = /\/libc(?:\.so\.6|-\d[\d.]*\.so)$/m
const PREBUILT = ['x64', 'arm64']
/** The package without sources and agent; its addons are packages of their own. */
const LEAN = '@vtepd/rtnl'
const root = path.resolve(import.meta.dirname, '..', '..')

/** Files to try, absolute, the best first. VTEPD_NATIVE_DIR, relative to the package root, is the only one where it is set. */
export function addonPlaces(): string[] {
  const chosen = process.env.VTEPD_NATIVE_DIR
  if (chosen !== undefined && chosen !== '') return [path.resolve(root, chosen, ADDON_FILE)]
  if (packageName(root) === LEAN) return [addonPackage()]
  return ['build/Release', path.join('prebuilds', machineName())].map((folder) => path.join(root, folder, ADDON_FILE))
}

/** The addon's file in the package of this machine, wherever the package manager has put that. */
function addonPackage(): string {
  const file = `${LEAN}-${machineName()}/${ADDON_FILE}`
  try {
    return createRequire(import.meta.url).resolve(file)
  } catch {
    return path.join(root, 'node_modules', file)
  }
}

function packageName(folder: string): string | undefined {
  const manifest = readIfThere(path.join(folder, 'package.json'))
  return manifest === undefined ? undefined : (JSON.parse(manifest) as { name?: string }).name
}

/** As prebuilds/ names it: linux-ARCH-LIBC. */
export function machineName(): string {
  return `linux-${process.arch}-${libcOfNode()}`
}

/** By what this process has mapped: glibc's libc has a name of its own. scripts/install.mjs decides alike. */
export function libcOfNode(): 'musl' | 'glibc' {
  return GLIBC.test(readIfThere('/proc/self/maps') ?? '/libc.so.6') ? 'glibc' : 'musl'
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** What brings an addon that fits, in the words of whatever installed the package in `folder`. */
export function remedy(folder = root): string {
  if (existsSync(path.join(folder, 'lib/addon/addon.ts'))) return 'in a checkout: `npm ci`, or `npm run build:addon`'
  if (packageName(folder) === LEAN) return leanRemedy()
  if (!existsSync(path.join(folder, 'binding.gyp')))
    return 'this installation is not whole, or for another machine: install vtepd again'
  const how = PREBUILT.includes(process.arch)
    ? 'install vtepd again, for this machine (node_modules cannot be copied from another kind of machine), or compile it here'
    : `for ${process.arch} it has to be compiled`
  return `${how}: ${compileCommand(folder)}, with g++ 10 or newer, make and python3`
}

function leanRemedy(): string {
  const compiled = "install vtepd, which has the sources and compiles them, and import 'vtepd/rtnl'"
  if (!PREBUILT.includes(process.arch)) return `${LEAN} has none for ${process.arch}: ${compiled}`
  return `install ${LEAN} again on this machine with its optional dependencies, of which ${LEAN}-${machineName()} has the addon; or ${compiled}`
}

// A lock file beside the outermost node_modules tells who installed it.
function compileCommand(folder: string): string {
  const [project = folder] = folder.split(`${path.sep}node_modules${path.sep}`)
  const has = (...names: string[]): boolean => names.some((name) => existsSync(path.join(project, name)))
  const from = 'npm_config_build_from_source=true'
  if (folder.includes(`${path.sep}.pnpm${path.sep}`) || has('pnpm-lock.yaml'))
    return `\`pnpm approve-builds\`, then \`${from} pnpm rebuild vtepd\``
  if (folder.includes(`${path.sep}.yarn${path.sep}`) || has('.yarnrc.yml', '.pnp.cjs'))
    return `\`${from} yarn rebuild vtepd\``
  if (has('yarn.lock')) return `\`${from} yarn install --force\``
  if (has('bun.lock', 'bun.lockb')) return `\`${from} bun pm trust vtepd\``
  return `\`${from} npm rebuild vtepd\``
}

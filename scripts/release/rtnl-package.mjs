// @vtepd/rtnl: `vtepd/rtnl` and `vtepd/netlink` without agent, command and sources, for who wants the library alone:
// `npm run build:rtnl`. The addons are packages beside it, one for each kind of machine; npm installs the one that fits by its `os`,
// `cpu` and `libc`, so that no install script has to run. Must not: change dist/ and prebuilds/, of which it is made.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { bundleLibrary } from '../bundle.mjs'
import { thirdPartyNotices } from '../notices.mjs'
import { MACHINES } from './shipped.mjs'

const NAME = '@vtepd/rtnl'
const ENTRIES = { '.': 'rtnl/index', './netlink': 'netlink/index' }
const ADDON = 'vtepd_native.node'
/** What all packages of the project have in common, from its package.json. */
const COMMON = ['version', 'homepage', 'bugs', 'repository', 'author', 'license', 'os']
const HELP = `npm run build:rtnl [-- [--machine NAME,...] [--out FOLDER]]

Packs ${NAME}, and the addon of ${MACHINES.join(', ')}
(all by default; npm run build:prebuilds makes them) as packages of their own, into out/rtnl or FOLDER.
`

/** Packs them into `out`; returns the files' names, ${NAME}'s first. dist/ and the prebuilt addons of `machines` must be there. */
export async function packRtnl({ root, out, machines = MACHINES }) {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const common = Object.fromEntries(COMMON.map((key) => [key, manifest[key]]))
  mkdirSync(out, { recursive: true })
  const work = mkdtempSync(path.join(out, '.rtnl-'))
  try {
    const library = path.join(work, 'library')
    await makeLibrary(root, library, { ...common, engines: manifest.engines })
    const addons = machines.map((machine) => makeAddon(root, path.join(work, machine), machine, common))
    return [library, ...addons].map((folder) => pack(folder, out))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function makeLibrary(root, folder, common) {
  const dist = path.join(root, 'dist')
  const inputs = await bundleLibrary(root, Object.values(ENTRIES), path.join(folder, 'dist'))
  for (const file of declarationsOf(dist, Object.values(ENTRIES))) copy(dist, path.join(folder, 'dist'), file)
  copy(root, folder, 'LICENSE')
  copyFileSync(path.join(root, 'packaging/npm/README.md'), path.join(folder, 'README.md'))
  writeFileSync(path.join(folder, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, inputs))
  const targets = Object.entries(ENTRIES).map(([subpath, entry]) => [
    subpath,
    { types: `./dist/${entry}.d.ts`, default: `./dist/${entry}.js` },
  ])
  writeManifest(folder, {
    name: NAME,
    description: 'Linux networking from JavaScript: links, addresses, routes, neighbours, rules and any other netlink',
    keywords: ['netlink', 'rtnetlink', 'genetlink', 'linux', 'network', 'routing', 'iproute2', 'vxlan', 'wireguard'],
    ...common,
    type: 'module',
    exports: { ...Object.fromEntries(targets), './package.json': './package.json' },
    optionalDependencies: Object.fromEntries(MACHINES.map((machine) => [`${NAME}-${machine}`, common.version])),
  })
}

function makeAddon(root, folder, machine, common) {
  const [, cpu, libc] = machine.split('-')
  const prebuilds = path.join(root, 'prebuilds')
  if (!existsSync(path.join(prebuilds, machine, ADDON)))
    throw new Error(`prebuilds/${machine} is missing: npm run build:prebuilds -- --target ${machine}`)
  copy(path.join(prebuilds, machine), folder, ADDON)
  copy(prebuilds, folder, 'NOTICES.txt')
  copy(root, folder, 'LICENSE')
  const description = `The addon of ${NAME} for ${machine}`
  writeFileSync(path.join(folder, 'README.md'), `${description}; install that one.\n`)
  writeManifest(folder, {
    name: `${NAME}-${machine}`,
    description,
    ...common,
    cpu: [cpu],
    libc: [libc],
    // A shared object cannot be loaded from inside a zip.
    preferUnplugged: true,
    exports: { [`./${ADDON}`]: `./${ADDON}`, './package.json': './package.json' },
  })
  return folder
}

/** The entries' declarations, and all that they import. */
function declarationsOf(dist, entries) {
  const files = new Set(entries.map((entry) => `${entry}.d.ts`))
  for (const file of files)
    for (const [, target] of readFileSync(path.join(dist, file), 'utf8').matchAll(
      /(?:from|import\()\s*['"](\.[^'"]+)\.js['"]/g,
    ))
      files.add(path.join(path.dirname(file), `${target}.d.ts`))
  return files
}

function copy(from, to, file) {
  mkdirSync(path.dirname(path.join(to, file)), { recursive: true })
  copyFileSync(path.join(from, file), path.join(to, file))
}

function writeManifest(folder, manifest) {
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

function pack(folder, out) {
  const words = ['pack', '--ignore-scripts', '--silent', '--pack-destination', path.resolve(out)]
  return execFileSync('npm', words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] }).trim()
}

async function main() {
  const { values } = parseArgs({
    options: { machine: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean' } },
  })
  if (values.help) return process.stdout.write(HELP)
  const root = path.resolve(import.meta.dirname, '../..')
  const machines = values.machine?.split(',') ?? MACHINES
  const unknown = machines.find((name) => !MACHINES.includes(name))
  if (unknown !== undefined) throw new Error(`no machine ${unknown}: there are ${MACHINES.join(', ')}`)
  const out = path.resolve(values.out ?? path.join(root, 'out/rtnl'))
  const built = spawnSync(process.execPath, ['scripts/ensure-built.mjs', 'dist'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (built.status !== 0) throw new Error('dist/ was not built: the reason stands above')
  for (const name of await packRtnl({ root, out, machines })) process.stdout.write(`${path.join(out, name)}\n`)
}

if (process.argv[1] === import.meta.filename)
  main().catch((error) => {
    process.stderr.write(`rtnl: ${error.message}\n`)
    process.exitCode = 1
  })

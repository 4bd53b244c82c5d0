// The packages as others install and run them: `npm run check:installs [-- --only TEXT]`. Packs vtepd and @vtepd/rtnl, installs them
// with pnpm, yarn and bun, runs vtepd under Bun, Deno and musl's Node, and checks that musl has every function that the addon for it
// wants. Without its addon vtepd must name the manager's own remedy.
// Fetches some 350 MB once. Needs the prebuilt addons, and private namespaces; x64 only.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { MANAGERS } from './installs/managers.mjs'
import { createProject } from './installs/project.mjs'
import { startRegistry } from './installs/registry.mjs'
import { RUNTIMES } from './installs/runtimes.mjs'
import { inNamespaces } from './namespaces.mjs'
import { offeredBy, wantedOfLibc } from './release/addon-symbols.mjs'
import { packRtnl } from './release/rtnl-package.mjs'
import { MACHINES } from './release/shipped.mjs'

const root = path.resolve(import.meta.dirname, '..')
const HELP = `npm run check:installs [-- --only TEXT]

Installs vtepd and @vtepd/rtnl with pnpm, yarn and bun, runs vtepd under Bun, Deno and Node for musl, and checks what the addon for
musl wants of it. TEXT is a part of a case's name.
`
const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } })
const work = mkdtempSync(path.join(tmpdir(), 'vtepd-installs-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
if (values.help) process.stdout.write(HELP)
else process.exitCode = await main()

async function main() {
  if (!MACHINES.every((machine) => existsSync(addonFor(machine)))) {
    process.stderr.write('installs: no prebuilt addons: npm run build:prebuilds\n')
    return 1
  }
  execFileSync(process.execPath, ['scripts/ensure-built.mjs', 'dist'], { cwd: root, stdio: ['ignore', 2, 2] })
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', work]
  const tarball = path.join(work, execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }).trim())
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  const library = await packRtnl({ root, out: work })
  const ours = await startRegistry(library.map((file) => path.join(work, file)))
  const cases = [
    ...MANAGERS.map((manager) => ({ name: manager.name, run: () => tryVtepd(manager, tarball, registry) })),
    ...MANAGERS.map((manager) => ({
      name: `@vtepd/rtnl by ${manager.name}`,
      run: () => tryLibrary(manager, ours.url),
    })),
    ...RUNTIMES.map(({ name, command }) => ({ name, run: () => tryRuntime(tarball, name, command) })),
  ]
  let failures = 0
  for (const { name, run } of cases.filter((one) => one.name.includes(values.only ?? ''))) {
    try {
      await run()
      process.stdout.write(`installs: ${name}: works\n`)
    } catch (error) {
      failures += 1
      process.stdout.write(`installs: ${name}: FAILED\n${error.message}\n`)
    }
  }
  ours.stop()
  return failures === 0 ? 0 : 1
}

function tryVtepd({ name, add, flags, remedy }, tarball, registry) {
  const folder = newProject(name)
  add(tarball, { folder, exec, registry })
  use(folder, undefined, flags)
  if (remedy === undefined) return
  rmSync(path.join(folder, 'node_modules/vtepd/prebuilds'), { recursive: true })
  use(folder, remedy)
}

function tryLibrary({ name, add, flags }, registry) {
  const folder = newProject(`rtnl-${name}`, '@vtepd/rtnl')
  add('@vtepd/rtnl', { folder, exec, registry })
  use(folder, undefined, flags)
}

async function tryRuntime(tarball, name, command) {
  const folder = newProject(name)
  exec('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], { folder })
  const { words, root: muslRoot } = await command(work)
  if (muslRoot === undefined) return runUse(folder, [...words, 'use.mjs'])
  const missing = wantedOfLibc(addonFor('linux-x64-musl')).filter((symbol) => !offered(muslRoot).has(symbol))
  if (missing.length > 0) throw new Error(`musl has no ${missing.join(', ')}`)
  const enter =
    'mount --rbind /proc "$0/proc" && mount --bind "$1" "$0/work" && cd / && root=$0 && shift && exec chroot "$root" "$@"'
  return runUse(folder, ['sh', '-c', enter, muslRoot, folder, ...words, '/work/use.mjs'])
}

function offered(muslRoot) {
  return new Set(offeredBy(path.join(muslRoot, 'lib/ld-musl-x86_64.so.1')))
}

function newProject(name, library) {
  const folder = path.join(work, name.replaceAll(/[^a-z0-9]+/gi, '-'))
  createProject(folder, library)
  return folder
}

/** Runs a manager's program, and returns all it said. */
function exec(file, words, { folder, env = {} }) {
  const [program, ...first] = /\.c?js$/.test(file) ? [process.execPath, file] : [file]
  const { status, stdout, stderr, error } = spawnSync(program, [...first, ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`)
  return `${stdout}${stderr}`
}

/** Uses the library in `folder` by this Node; `refusal`: what it is to say instead of working. */
function use(folder, refusal, flags = []) {
  if (refusal === undefined) return runUse(folder, [process.execPath, ...flags, 'use.mjs'])
  const { stderr } = spawnSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8' })
  if (!refusal.test(stderr)) throw new Error(`without an addon it says: ${stderr}`)
  return undefined
}

function runUse(folder, words) {
  const command = inNamespaces(words)
  if (command === undefined)
    throw new Error('private namespaces are refused here: unshare or ip is missing or forbidden')
  const { stdout, stderr, signal } = spawnSync(command[0], command.slice(1), { cwd: folder, encoding: 'utf8' })
  if (!stdout.includes('used 200 true')) throw new Error(`${stdout}${stderr}${signal ?? ''}`)
  return undefined
}

function addonFor(machine) {
  return path.join(root, `prebuilds/${machine}/vtepd_native.node`)
}

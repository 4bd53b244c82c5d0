// Packs vtepd, installs the tarball into an empty project as a stranger would who has no compiler, and uses it there: both entry
// points, the command, and the declarations under a strict compiler. Then once without install scripts, and once compiled from
// the sources that are in it. The same with @vtepd/rtnl, alone and beside vtepd in one process. Says what they weigh. Takes two
// minutes, and needs the prebuilt addon of this machine:
//   npm run build:prebuilds -- --target linux-x64-glibc
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { packRtnl } from './release/rtnl-package.mjs'

const MOST_BYTES = 1_000_000
const root = path.resolve(import.meta.dirname, '..')
const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
const machine = `linux-${process.arch}-glibc`
const work = mkdtempSync(path.join(tmpdir(), 'vtepd-package-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
const bare = { ...process.env, PATH: folderOfPrograms(['node', 'npm', 'sh']) }

if (!existsSync(path.join(root, 'prebuilds', machine, 'vtepd_native.node')))
  fail(`prebuilds/${machine} is missing: npm run build:prebuilds -- --target ${machine}`)
run(process.execPath, ['scripts/ensure-built.mjs', 'dist'], { cwd: root })
const packed = JSON.parse(
  run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', work], { cwd: root }),
)[0]
const tarball = path.join(work, packed.filename)

const project = createProject('stranger')
const began = Date.now()
// npm asks for consent to install scripts by a warning only; strict settings of a user must not decide this check.
const install = ['install', '--no-audit', '--no-fund', '--no-strict-allow-scripts', tarball]
run('npm', install, { cwd: project, env: bare })
const seconds = (Date.now() - began) / 1000
const installed = readdirSync(path.join(project, 'node_modules')).filter((name) => !name.startsWith('.'))
// file-uri-to-path is of bindings.
const expected = ['vtepd', ...Object.keys(dependencies), 'file-uri-to-path']
assert.deepEqual(installed.sort(), expected.sort(), 'the run-time dependencies, no more')
assert.ok(!existsSync(path.join(project, 'node_modules/vtepd/build')), 'nothing was compiled')
useLibrary(project)
assert.match(run(path.join(project, 'node_modules/.bin/vtepd'), ['--help'], { cwd: project }), /\brun\b/)
useTypes(project)

const scriptless = createProject('scriptless')
run('npm', [...install, '--ignore-scripts'], { cwd: scriptless, env: bare })
useLibrary(scriptless)

// The prebuilt addons are gone, so that what was compiled is what loads.
rmSync(path.join(scriptless, 'node_modules/vtepd/prebuilds'), { recursive: true })
run('npm', ['rebuild', 'vtepd'], { cwd: scriptless })
useLibrary(scriptless)

const lean = createProject('lean', '@vtepd/rtnl', ['@vtepd/rtnl/netlink'])
const tarballs = (await packRtnl({ root, out: work, machines: [machine] })).map((name) => path.join(work, name))
run('npm', [...install.slice(0, -1), '--ignore-scripts', ...tarballs], { cwd: lean, env: bare })
useLibrary(lean)
const leanBytes = bytesOf(path.join(lean, 'node_modules'))
assert.ok(leanBytes < MOST_BYTES, `@vtepd/rtnl: ${leanBytes} bytes are installed`)
run('npm', [...install, '--ignore-scripts'], { cwd: lean, env: bare })
useBoth(lean)
rmSync(path.join(lean, 'node_modules', `@vtepd/rtnl-${machine}`), { recursive: true })
refuse(lean, /none for linux-.*optional dependencies, .*or install vtepd, which has the sources/)

const cost = costOfImport(project)
process.stdout.write(`package: ${packed.filename} installs alone, entry points, the command and the types work there
  ${megabytes(packed.size)} packed, ${megabytes(packed.unpackedSize)} unpacked, of which ${megabytes(sizeOf('prebuilds/'))} are prebuilt addons and ${megabytes(sizeOf('dist/bin/'))} the command
  ${installed.length} packages, ${megabytes(bytesOf(path.join(project, 'node_modules')))} in node_modules, installed in ${seconds.toFixed(1)} s
  @vtepd/rtnl: ${megabytes(leanBytes)} in node_modules, in 2 packages without scripts; its addon and that of vtepd work in one process
  import 'vtepd/rtnl': ${cost.milliseconds.toFixed(0)} ms, ${cost.megabytes.toFixed(1)} MB beside an empty program
`)

function createProject(name, library = 'vtepd/rtnl', others = ['vtepd/netlink', 'vtepd']) {
  const folder = path.join(work, name)
  mkdirSync(folder)
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', private: true, type: 'module' }),
  )
  writeFileSync(
    path.join(folder, 'use.mjs'),
    `import * as library from '${library}'
${others.map((other) => `import '${other}'`).join('\n')}
const rtnl = library.openRtnl()
const { value } = await rtnl.dumpLinks()
await rtnl.close()
if (!value.some((link) => link.ifname === 'lo')) throw new Error('no lo among the links')
console.log(JSON.stringify({ links: value.length, exports: Object.keys(library).length }))
`,
  )
  return folder
}

function useLibrary(folder) {
  const used = JSON.parse(run(process.execPath, ['use.mjs'], { cwd: folder, env: bare }))
  assert.ok(used.links > 0 && used.exports > 0)
}

/** Two copies of the addon, at once and over each other's ends, also from a worker. */
function useBoth(folder) {
  const program = `import { isMainThread, Worker } from 'node:worker_threads'
import * as one from '@vtepd/rtnl'
import * as other from 'vtepd/rtnl'
const sockets = [one, other].map((library) => library.openRtnl())
const dumps = await Promise.all(sockets.concat(sockets).map((rtnl) => rtnl.dumpLinks()))
if (new Set(dumps.map(({ value }) => value.length)).size !== 1) throw new Error('they see different links')
await sockets[0].close()
await sockets[1].dumpLinks()
await sockets[1].close()
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.on('error', (error) => { throw error })
  worker.on('exit', async () => {
    const last = one.openRtnl()
    await last.dumpLinks()
    await last.close()
    console.log(JSON.stringify({ sockets: new Set(process.report.getReport().sharedObjects.filter((file) => /vtepd_native/.test(file))).size }))
  })
}
`
  writeFileSync(path.join(folder, 'both.mjs'), program)
  const { sockets } = JSON.parse(run(process.execPath, ['both.mjs'], { cwd: folder, env: bare }))
  assert.equal(sockets, 2, 'two addons are loaded')
}

function refuse(folder, words) {
  const { status, stderr } = spawnSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8', env: bare })
  assert.notEqual(status, 0)
  assert.match(stderr, words)
}

function useTypes(folder) {
  writeFileSync(
    path.join(folder, 'use.ts'),
    `import { openRtnl, type Rtnl } from 'vtepd/rtnl'
import * as vtepd from 'vtepd'
const rtnl: Rtnl = openRtnl({ timeoutMs: 1000 })
export const links: Promise<string[]> = rtnl.dumpLinks().then((dump) => dump.value.map((link) => link.ifname))
export const names: string[] = Object.keys(vtepd)
`,
  )
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    typeRoots: [path.join(root, 'node_modules/@types')],
  }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }))
  run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: folder })
}

/** Of the quietest of some runs. */
function costOfImport(folder) {
  const measure = (program) => {
    const measured = `const at = performance.now(); ${program}; console.log(JSON.stringify([performance.now() - at, process.memoryUsage.rss() / 1e6]))`
    const runs = Array.from({ length: 5 }, () =>
      JSON.parse(run(process.execPath, ['--input-type=module', '-e', measured], { cwd: folder })),
    )
    return [0, 1].map((at) => Math.min(...runs.map((one) => one[at])))
  }
  const [empty, full] = [measure(''), measure("await (await import('vtepd/rtnl')).openRtnl().close()")]
  return { milliseconds: full[0] - empty[0], megabytes: full[1] - empty[1] }
}

/** A folder for PATH that has these programs and no other. */
function folderOfPrograms(names) {
  const folder = path.join(work, 'bin')
  mkdirSync(folder)
  for (const name of names)
    symlinkSync(name === 'node' ? process.execPath : run('which', [name]).trim(), path.join(folder, name))
  return folder
}

function sizeOf(prefix) {
  const files = packed.files.filter((file) => file.path.startsWith(prefix))
  return files.reduce((sum, file) => sum + file.size, 0)
}

/** Of the files alone: what a folder takes is the file system's own. */
function bytesOf(folder) {
  const sizes = run('find', [folder, '-type', 'f', '-printf', '%s\n']).split('\n')
  return sizes.reduce((sum, size) => sum + Number(size), 0)
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`
}

function run(program, words, options = {}) {
  try {
    return execFileSync(program, words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
      ...options,
    })
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? ''}`)
    fail(`failed: ${program} ${words.join(' ')}`)
  }
}

function fail(why) {
  process.stderr.write(`package: ${why}\n`)
  process.exit(1)
}

// Packs vtepd, installs the tarball into an empty project as a stranger would who has no compiler, and uses it there: both entry
// points, the command, and the declarations under a strict compiler. Then once without install scripts, and once compiled from
// the sources that are in it. Says what it weighs. Takes two minutes, and needs the prebuilt addon of this machine:
//   npm run build:prebuilds -- --target linux-x64-glibc
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
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

const cost = costOfImport(project)
process.stdout.write(`package: ${packed.filename} installs alone, both entry points, the command and the types work there
  ${megabytes(packed.size)} packed, ${megabytes(packed.unpackedSize)} unpacked, of which ${megabytes(sizeOf('prebuilds/'))} are prebuilt addons and ${megabytes(sizeOf('dist/bin/'))} the command
  ${installed.length} packages, ${megabytes(Number(run('du', ['-sb', 'node_modules'], { cwd: project }).split('\t')[0]))} in node_modules, installed in ${seconds.toFixed(1)} s
  import 'vtepd/rtnl': ${cost.milliseconds.toFixed(0)} ms, ${cost.megabytes.toFixed(1)} MB beside an empty program
`)

function createProject(name) {
  const folder = path.join(work, name)
  mkdirSync(folder)
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', private: true, type: 'module' }),
  )
  writeFileSync(
    path.join(folder, 'use.mjs'),
    `import { openRtnl } from 'vtepd/rtnl'
import * as vtepd from 'vtepd'
const rtnl = openRtnl()
const { value } = await rtnl.dumpLinks()
await rtnl.close()
if (!value.some((link) => link.ifname === 'lo')) throw new Error('no lo among the links')
console.log(JSON.stringify({ links: value.length, exports: Object.keys(vtepd).length }))
`,
  )
  return folder
}

function useLibrary(folder) {
  const used = JSON.parse(run(process.execPath, ['use.mjs'], { cwd: folder, env: bare }))
  assert.ok(used.links > 0 && used.exports > 0)
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

// Builds dist/: the library as ES modules with declarations (tsc), the command as a bundle (esbuild), and the licence
// texts of every package that a bundle holds. Written beside the old dist/ and swapped in at the end, so that a failed
// build leaves the old one. No source maps: they would cost each agent up to 20 MB of memory.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { bundleCommand, shareForeignImports } from './bundle.mjs'
import { thirdPartyNotices } from './notices.mjs'

const root = path.resolve(import.meta.dirname, '..')
const dist = path.join(root, 'dist')
const staging = path.join(root, `.dist-${process.pid}`)
const startedAt = new Date()

process.on('exit', () => rmSync(staging, { recursive: true, force: true }))
for (const tool of ['typescript', 'esbuild'])
  if (!existsSync(path.join(root, 'node_modules', tool)))
    fail(`building dist/ needs the development packages (${tool} is missing): npm ci, without --omit=dev`)

mkdirSync(staging)
const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', staging], {
  cwd: root,
  stdio: ['ignore', 2, 2],
})
if (types.status !== 0) fail('tsc found errors: they stand above')
nameEmittedFiles(staging)

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
const dependencies = Object.keys(manifest.dependencies)
try {
  const shared = shareForeignImports(staging, dependencies)
  const inputs = await bundleCommand(root, path.join(root, 'lib/cli/main.ts'), path.join(staging, 'bin'), shared)
  writeFileSync(path.join(staging, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, inputs))
} catch (error) {
  fail(error.message)
}

const entry = path.join(staging, 'bin/vtepd.js')
chmodSync(entry, 0o755)
// Its age says which sources it was built from (scripts/ensure-built.mjs), so: when the build began.
utimesSync(entry, startedAt, startedAt)

const old = `${staging}-old`
if (existsSync(dist)) renameSync(dist, old)
renameSync(staging, dist)
rmSync(old, { recursive: true, force: true })

// tsc rewrites imports of .ts in what it emits, but not in the declarations.
function nameEmittedFiles(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.d.ts')) continue
    const file = path.join(entry.parentPath, entry.name)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/((?:\bfrom|\bimport\()\s*(['"])\.[^'"]*)\.ts\2/g, '$1.js$2'))
  }
}

function fail(reason) {
  process.stderr.write(`vtepd: ${reason}\n`)
  process.exit(1)
}

// Builds what is missing or older than its sources, and nothing else: `node scripts/ensure-built.mjs [addon] [dist]`
// (default: both). Older means by modification time, folders included, so that a deleted source counts too.
// All output goes to standard error: what runs next owns standard output.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { newest } from './newest.mjs'

const root = path.resolve(import.meta.dirname, '..')
const parts = {
  addon: {
    product: 'build/Release/vtepd_native.node',
    sources: ['binding.gyp', 'native/src', 'scripts/install.mjs', 'scripts/install-advice.mjs'],
    script: 'scripts/install.mjs',
  },
  dist: {
    product: 'dist/bin/vtepd.js',
    sources: ['lib', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'],
    script: 'scripts/build.mjs',
  },
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name))
if (unknown.length > 0) {
  process.stderr.write(
    `ensure-built: no such part: ${unknown.join(', ')} (there are: ${Object.keys(parts).join(', ')})\n`,
  )
  process.exit(2)
}

for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) {
  const { product, sources, script } = parts[name]
  const built = path.join(root, product)
  if (
    existsSync(built) &&
    statSync(built).mtimeMs >= Math.max(...sources.map((source) => newest(path.join(root, source))))
  )
    continue
  const { status } = spawnSync(process.execPath, [path.join(root, script)], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) process.exit(status ?? 1)
}

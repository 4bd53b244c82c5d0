// Packs vtepd, installs the tarball into an empty project as a stranger would (the addon is compiled there), and uses
// it: both entry points, the command, and the declarations under a strict compiler. Takes about a minute.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
const project = mkdtempSync(path.join(tmpdir(), 'vtepd-package-'))
process.on('exit', () => rmSync(project, { recursive: true, force: true }))

run(process.execPath, ['scripts/ensure-built.mjs', 'dist'], root)
const tarball = run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project], root).trim()
write('package.json', JSON.stringify({ name: 'stranger', version: '1.0.0', private: true, type: 'module' }))
// npm asks for consent to install scripts by a warning only; strict settings of a user must not decide this check.
run('npm', ['install', '--no-audit', '--no-fund', '--no-strict-allow-scripts', `./${tarball}`])

const installed = readdirSync(path.join(project, 'node_modules')).filter((name) => !name.startsWith('.'))
const expected = ['vtepd', ...Object.keys(dependencies)]
assert.deepEqual(installed.sort(), expected.sort(), 'a consumer gets the run-time dependencies and nothing else')

write(
  'use.mjs',
  `import { openRtnl } from 'vtepd/rtnl'
import * as vtepd from 'vtepd'
const rtnl = openRtnl()
const { value } = await rtnl.dumpLinks()
await rtnl.close()
if (!value.some((link) => link.ifname === 'lo')) throw new Error('no lo among the links')
console.log(JSON.stringify({ links: value.length, exports: Object.keys(vtepd).length }))
`,
)
const used = JSON.parse(run(process.execPath, ['use.mjs']))
assert.ok(used.links > 0 && used.exports > 0)

const help = run(path.join(project, 'node_modules/.bin/vtepd'), ['--help'])
assert.match(help, /\brun\b/)

write(
  'use.ts',
  `import { openRtnl, type Rtnl } from 'vtepd/rtnl'
import * as vtepd from 'vtepd'
const rtnl: Rtnl = openRtnl({ timeoutMs: 1000 })
export const links: Promise<string[]> = rtnl.dumpLinks().then((dump) => dump.value.map((link) => link.ifname))
export const names: string[] = Object.keys(vtepd)
`,
)
write(
  'tsconfig.json',
  JSON.stringify({
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      target: 'es2023',
      module: 'nodenext',
      types: ['node'],
      typeRoots: [path.join(root, 'node_modules/@types')],
    },
    files: ['use.ts'],
  }),
)
run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'])
process.stdout.write(`package: ${tarball} installs alone, both entry points, the command and the types work there\n`)

function write(name, text) {
  writeFileSync(path.join(project, name), text)
}

function run(program, words, cwd = project) {
  try {
    return execFileSync(program, words, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
    })
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? ''}`)
    process.stderr.write(`package: failed: ${program} ${words.join(' ')}\n`)
    process.exit(1)
  }
}

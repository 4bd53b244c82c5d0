// npm run test:runtimes: fetches Bun and Deno, installs @vtepd/rtnl into an empty project, and runs test/rtnl/runtimes on them and on this
// Node. Must not: run the programs itself, outside of namespaces.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { programOf, versionOf } from './installs/programs.mjs'
import { packAll } from './packed.mjs'

if (process.argv.includes('--help')) {
  process.stdout.write(
    'npm run test:runtimes\n\nTests @vtepd/rtnl, as packed, under this Node, Bun and Deno. x64; fetches 100 MB once.\n',
  )
  process.exit()
}
const root = path.resolve(import.meta.dirname, '..')
const tests = path.join(root, 'test/rtnl/runtimes')
const work = mkdtempSync(path.join(tmpdir(), 'vtepd-runtimes-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

const runtimes = {
  [`Node ${process.versions.node}`]: [process.execPath],
  [`Bun ${versionOf('bun')}`]: [programOf('bun')],
  [`Deno ${versionOf('deno')}`]: [programOf('deno'), 'run', '--allow-all', '--no-prompt'],
}
const { rtnl, addon } = await packAll(work)
writeFileSync(path.join(work, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--silent', rtnl, addon]
const installed = spawnSync('npm', install, { cwd: work, stdio: ['ignore', 2, 2] })
if (installed.status !== 0) process.exit(1)
const program = path.join(work, 'program.mjs')
copyFileSync(path.join(tests, 'program.mjs'), program)

const { status } = spawnSync(process.execPath, ['scripts/test.mjs', 'test/rtnl/runtimes/runtimes.runtime.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, VTEPD_RUNTIMES: JSON.stringify({ runtimes, program }) },
})
process.exitCode = status ?? 1

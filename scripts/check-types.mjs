// npm run check:types: publint and attw (Are The Types Wrong) on both packages as they are packed. ES modules only, so what require()
// would find is not asked. Must not: install the packages.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { packageTools } from './package-tools.mjs'
import { packAll } from './packed.mjs'

if (process.argv.includes('--help')) {
  process.stdout.write(
    'npm run check:types\n\nSays what publint and attw find in vtepd and @vtepd/rtnl, as packed; status 1 if anything.\n',
  )
  process.exit()
}
const work = mkdtempSync(path.join(tmpdir(), 'vtepd-types-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
const tools = packageTools()
const { vtepd, rtnl } = await packAll(work)
const checks = [vtepd, rtnl].flatMap((tarball) => [
  ['publint/src/cli.js', 'run', tarball, '--strict'],
  ['@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'esm-only', '--no-color'],
])
for (const [tool, ...words] of checks) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(tools, tool), ...words], {
    encoding: 'utf8',
  })
  const name = `${tool.replace(/\/(?:src|dist)\/.*/, '')}, ${path.basename(words.find((word) => word.endsWith('.tgz')))}`
  process.stdout.write(`types: ${name}: ${status === 0 ? 'clean' : `FAILED\n${stdout}${stderr}`}\n`)
  if (status !== 0) process.exitCode = 1
}

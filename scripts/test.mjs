// Runs the tests inside private namespaces, so that no test can touch the host: `npm test [-- FILE|FOLDER...]`; flags that
// start with a dash go to node's test runner (`--test-name-pattern=…`). `--with=WORD`: of folders those that stand apart too
// (test-files.mjs).
// Where the kernel or a container forbids them, the kernel tests skip and say so; everything else runs all the same.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { prepare } from './compiled-tests.mjs'
import { inNamespaces } from './namespaces.mjs'
import { testFiles } from './test-files.mjs'

const root = path.resolve(import.meta.dirname, '..')
const given = process.argv.slice(2)
const apart = given.filter((word) => word.startsWith('--with=')).map((word) => word.slice('--with='.length))
const flags = given.filter((word) => word.startsWith('-') && !word.startsWith('--with='))
const wanted = given.filter((word) => !word.startsWith('-'))
const files = (wanted.length > 0 ? wanted : ['test']).flatMap((name) =>
  statSync(name, { throwIfNoEntry: false })?.isDirectory() ? testFiles(root, path.resolve(name), apart) : name,
)

// A hanging test ends as a failure with its name. The bound is per test, generous for sanitizers and slow machines.
// Two files more than there are cores: kernel tests wait a good deal.
const bounds = [`--test-concurrency=${availableParallelism() + 2}`, '--test-timeout=300000']
const compiled = await prepare(root)
const node = [process.execPath, ...compiled.flags, '--test', '--test-reporter=spec', ...bounds, ...flags, ...files]
const isolated = inNamespaces(node)
if (isolated === undefined)
  process.stderr.write(
    'vtepd: no private namespaces here (unshare or ip is missing or refused): kernel tests will skip\n',
  )

const command = isolated ?? node
const result = spawnSync(command[0], command.slice(1), {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, ...(isolated === undefined ? {} : { VTEPD_TEST_NAMESPACE: '1' }) },
})
compiled.remove()
if (result.error !== undefined) process.stderr.write(`vtepd: the tests did not start: ${result.error.message}\n`)
process.exitCode = result.status ?? 1

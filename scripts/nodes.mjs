// Runs the tests with every Node that vtepd supports: `npm run test:nodes [-- [--full] [--node MAJOR,...]]`. The Nodes are npm's
// binaries, at the versions that scripts/release/node-pins.json pins. A short form by default, some two minutes a version: what
// touches Node itself (addon, streams, timers, files, the command), and a lab. --full: all tests.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { NODE_MAJORS, nodeFolder, nodeVersion } from './release/node-binaries.mjs'

const root = path.resolve(import.meta.dirname, '..')
const SHORT = [
  'test/house',
  'test/rtnl',
  'test/conformance/conformance.test.ts',
  'test/kernel/healing/device.test.ts',
  'test/cli/command.test.ts',
  'test/cli/run-and-cleanup.test.ts',
  'test/host',
  'test/kube-api',
  'test/util',
]
const LAB = ['scripts/check-lab.mjs', '--nodes', '3', '--scenario', 'issue-2433', '--scenario', 'device-deleted']
const HELP = `npm run test:nodes [-- [--full] [--node MAJOR,...]]

Runs a short form of the tests, or all of them (--full), and a short lab with Node ${NODE_MAJORS.join(', ')}, or those named.
What the tests say is in out/test-nodes/.
`

const options = { full: { type: 'boolean' }, node: { type: 'string' }, help: { type: 'boolean' } }
const { values } = parseArgs({ options })
if (values.help) process.stdout.write(HELP)
else
  process.exitCode = runAll(
    values.node?.split(',').map(Number) ?? NODE_MAJORS,
    values.full ? ['--with=long', 'test'] : SHORT,
  )

function runAll(majors, files) {
  mkdirSync(path.join(root, 'out/test-nodes'), { recursive: true })
  const failed = majors.filter((major) => !runWith(major, files))
  if (failed.length > 0) process.stdout.write(`nodes: FAILED with Node ${failed.join(', ')}\n`)
  return failed.length === 0 ? 0 : 1
}

function runWith(major, files) {
  const bin = path.join(nodeFolder(major), 'bin')
  // npm, a script, and what tests start as `node` are run by this Node too.
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` }
  const began = Date.now()
  const log = path.join('out/test-nodes', `node-${major}.log`)
  process.stderr.write(`nodes: Node ${nodeVersion(major)}, said in ${log}\n`)
  const steps = [['scripts/ensure-built.mjs'], ['scripts/test.mjs', ...files], LAB]
  let said = ''
  let status = 0
  for (const words of steps) {
    const run = spawnSync(path.join(bin, 'node'), words, { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 })
    said += `${run.stdout}${run.stderr}`
    status ||= run.status ?? 1
  }
  writeFileSync(path.join(root, log), said)
  const count = (what) => Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(said)?.[1] ?? Number.NaN)
  process.stdout.write(
    `nodes: Node ${nodeVersion(major)}: ${count('pass')} passed, ${count('fail')} failed, ${count('skipped')} skipped, ${Math.round((Date.now() - began) / 1000)} s\n`,
  )
  if (status !== 0) process.stdout.write(`${failuresOf(said)}\n`)
  return status === 0
}

/** What the reporter repeats at its end, else the last of what was said. */
function failuresOf(said) {
  const at = said.indexOf('✖ failing tests:')
  return at === -1 ? said.slice(-4000) : said.slice(at, said.indexOf('\nlab:', at)).slice(0, 10_000)
}

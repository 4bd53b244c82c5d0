import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import test, { before } from 'node:test'
import { promisify } from 'node:util'
import { compilePrograms } from '../support/compile-programs.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { patience } from '../support/patience.ts'

const run = promisify(execFile)
const ROOT = path.resolve(import.meta.dirname, '../..')
// Two levels below the root, where the loader of the addon expects to stand.
const COMPILED = path.join(ROOT, 'build-native/life-cycle')
const STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
/** Steps after which everything is in flight at once. */
const LOADED = 7

const bounded = { ...kernelTests, timeout: patience(240_000) }

// Compiled once: a loader in each of the many processes would take longer than the lives themselves.
before(() =>
  compilePrograms(
    ['program', 'garbage'].map((name) => path.join(import.meta.dirname, 'life-cycle', `${name}.ts`)),
    COMPILED,
  ),
)

async function live(netns: Netns, steps: string | number, ending: string): Promise<void> {
  const program = [path.join(COMPILED, 'program.mjs'), netns.path, String(steps), ending]
  const { stdout, stderr } = await run(process.execPath, program)
  assert.deepEqual({ stdout, stderr }, { stdout: '', stderr: '' }, `after ${steps} steps`)
}

for (const ending of ['return', 'exit'])
  test(`a process ends well after every prefix of an Rtnl's life, by ${ending}`, bounded, async (t) => {
    const netns = await createNetns(t)
    for (const steps of STEPS) await live(netns, steps, ending)
  })

for (const ending of ['worker-end', 'worker-terminate', 'worker-exit'])
  test(`a worker thread ends well after every prefix of an Rtnl's life, by ${ending}`, bounded, async (t) => {
    await live(await createNetns(t), STEPS.join(','), ending)
  })

test('an exception with everything in flight is reported as such, and nothing else', bounded, async (t) => {
  const netns = await createNetns(t)
  await assert.rejects(
    live(netns, LOADED, 'throw'),
    (error: Error & { code: number; signal: string | null; stderr: string }) => {
      assert.deepEqual([error.code, error.signal], [1, null])
      assert.match(error.stderr, /as planned/)
      return true
    },
  )
})

test('process.exit under load ends well, twenty times', bounded, async (t) => {
  const netns = await createNetns(t)
  for (let i = 0; i < 10; i += 1) await Promise.all([live(netns, LOADED, 'exit'), live(netns, LOADED, 'worker-exit')])
})

test('doors that were forgotten are closed by the garbage collector', bounded, async () => {
  const { stdout } = await run(process.execPath, ['--expose-gc', path.join(COMPILED, 'garbage.mjs')])
  const { open, left } = JSON.parse(stdout)
  assert.ok(open > 20, `${open} descriptors were open at most`)
  assert.equal(left, 0)
})

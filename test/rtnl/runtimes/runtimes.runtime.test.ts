/** @vtepd/rtnl under other runtimes than this Node, as it is installed from its tarball: `npm run test:runtimes`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNetns, kernelTests } from '../../support/netns.ts'

/** Command lines by runtime, and the program's file, from scripts/test-runtimes.mjs. */
const given = JSON.parse(process.env.VTEPD_RUNTIMES ?? '{}') as {
  readonly runtimes?: Readonly<Record<string, readonly string[]>>
  readonly program?: string
}
const TASKS = [
  'open and dump',
  'apply a batch',
  'hear a monitor',
  'close every descriptor',
  'say what is refused',
  'work in a worker thread',
]
const skip = given.program === undefined ? 'needs `npm run test:runtimes`, which fetches them' : kernelTests.skip

for (const [name, [command = '', ...words]] of Object.entries(given.runtimes ?? { 'other runtimes': [] }))
  for (const task of TASKS)
    test(`${name}: ${task}`, { skip }, async (t) => {
      const netns = await createNetns(t)
      assert.match(await netns.exec(command, ...words, given.program ?? '', task), /^done$/m)
    })

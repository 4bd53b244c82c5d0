/** Agents in programs of their own, in two network namespaces, which know each other from a source in memory (docs/module.md). */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { startLined } from '../support/lined-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { readSource, root } from '../support/source-files.ts'
import { startTalker } from '../support/talker.ts'

const PROGRAM = path.join(root, 'test/module/agent-program.ts')

async function startNode(t: TestContext, netns: Netns, name: string, number: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-module-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await netns.exec('ip', 'address', 'add', `192.0.2.${number}/24`, 'dev', 'under0')
  await netns.exec('ip', 'link', 'set', 'under0', 'up')
  await netns.exec('ip', 'address', 'add', `10.42.${number}.1/32`, 'dev', 'lo')
  return startLined(t, netns, [process.execPath, '--import', 'tsx', PROGRAM, name, `10.42.${number}.0/24`, folder])
}

test(
  'two agents with a source in memory carry packets, heal, leave their process alone and stop',
  kernelTests,
  async (t) => {
    const [here, there] = [await createNetns(t, 'here'), await createNetns(t, 'there')]
    await here.exec('ip', 'link', 'add', 'under0', 'type', 'veth', 'peer', 'name', 'under0', 'netns', there.name)
    const [a, b] = [await startNode(t, here, 'a', 1), await startNode(t, there, 'b', 2)]
    for (const node of [a, b]) {
      assert.equal(await node.line('untouched '), 'untouched true')
      assert.equal(await node.line('second '), 'second "LockedError"')
    }
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      to.child.stdin?.write(`${(await from.line('own {')).slice(4)}\n`)
    for (const node of [a, b]) assert.equal(await node.line('ready '), 'ready true')
    const [one, other] = [
      await startTalker(t, here, '10.42.1.1', here),
      await startTalker(t, there, '10.42.2.1', there),
    ]
    assert.equal(await one.reaches(other), true)

    await here.exec('ip', 'link', 'delete', 'flannel.1')
    assert.match(await a.line('healed '), /device was deleted/)
    assert.equal(await one.reaches(other), true)

    a.child.stdin?.write('status\n')
    const status = JSON.parse((await a.line('status ')).slice(7)) as { node: string; leases: object }
    assert.equal(status.node, 'a')
    assert.deepEqual(status.leases, {
      source: 'custom',
      peers: 1,
      incomplete: null,
      stale: null,
      rejected: [],
      silent: [],
    })
    for (const node of [a, b]) node.child.stdin?.write('stop\n')
    for (const node of [a, b]) assert.deepEqual([await node.line('stopped '), await node.ended], ['stopped false', 0])
    assert.equal(await one.reaches(other), true, 'everything stays in the kernel')
  },
)

test('the example of docs/module.md is the one that is run', () => {
  const blocks = [...readSource('docs/module.md').text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text)
  const [, ...run] = readSource('test/module/memory-leases.ts').text.split('\n')
  const text = run.join('\n').replace('../../lib/index.ts', 'vtepd').replace('export class', 'class')
  assert.equal(blocks[1], text)
})

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLladdrStore } from '../../lib/leases/lladdr-store.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { createMemoryLog } from './support.ts'

async function setUp(t: TestContext) {
  const folder = await mkdtemp(path.join(tmpdir(), 'vtepd-state-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const log = createMemoryLog()
  const stateDir = path.join(folder, 'lib', 'vtepd')
  return { log, stateDir, storeOf: (ifname: string) => createLladdrStore({ stateDir, ifname, log }) }
}

test('what was saved is loaded by the next process, a file a device', async (t) => {
  const { storeOf, stateDir, log } = await setUp(t)
  assert.equal(await storeOf('flannel.1').load(), undefined)
  await storeOf('flannel.1').save(parseLladdr('0e:2a:00:00:00:01'))
  await storeOf('flannel-v6.1').save(parseLladdr('0e:2a:00:00:00:02'))
  await storeOf('flannel.1').save(parseLladdr('0e:2a:00:00:00:03'))
  assert.equal(await storeOf('flannel.1').load(), '0e:2a:00:00:00:03')
  assert.equal(await storeOf('flannel-v6.1').load(), '0e:2a:00:00:00:02')
  assert.deepEqual(await readdir(stateDir), ['flannel-v6.1.lladdr.json', 'flannel.1.lladdr.json'])
  assert.deepEqual(log.lines, [])
})

test('a file that cannot be used is told of and counts as none', async (t) => {
  const { storeOf, stateDir, log } = await setUp(t)
  await storeOf('flannel.1').save(parseLladdr('0e:2a:00:00:00:01'))
  const file = path.join(stateDir, 'flannel.1.lladdr.json')
  const texts = ['', '{', 'null', '{"version":2,"lladdr":"0e:2a:00:00:00:01"}', '{"version":1,"lladdr":"x"}']
  for (const text of [...texts, '{"version":1,"lladdr":"01:00:00:00:00:00"}', '{"version":1}']) {
    await writeFile(file, text)
    assert.equal(await storeOf('flannel.1').load(), undefined, text)
  }
  assert.equal(log.of('state.unreadable').length, 7)
})

test('a state folder that cannot be written rejects with the reason', async (t) => {
  const { storeOf, stateDir } = await setUp(t)
  await writeFile(path.join(path.dirname(path.dirname(stateDir)), 'lib'), 'a file in the way')
  await assert.rejects(storeOf('flannel.1').save(parseLladdr('0e:2a:00:00:00:01')), /ENOTDIR|EEXIST/)
})

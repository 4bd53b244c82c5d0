import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createViewCache } from '../../../lib/leases/kube/view-cache.ts'
import type { RememberedView } from '../../../lib/leases/kube/view-file.ts'
import { createStandingLog } from '../../../lib/util/standing-log.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { claim4, createMemoryLog, flannelNode, held, lease, until } from '../support.ts'

const MINUTE = 60_000

async function setUp(t: TestContext, folder?: string, binding = 'ours') {
  const stateDir = folder ?? (await mkdtemp(path.join(tmpdir(), 'vtepd-view-')))
  if (folder === undefined) t.after(() => rm(stateDir, { recursive: true, force: true }))
  const clock = createManualClock()
  const log = createMemoryLog()
  const state: { view: RememberedView | undefined } = { view: viewOf('a') }
  const cache = createViewCache({
    stateDir,
    name: 'flannel.7',
    binding,
    view: () => state.view,
    log,
    standing: createStandingLog(log, clock),
    clock,
  })
  t.after(() => cache.close())
  const file = path.join(stateDir, 'flannel.7.leases')
  const written = async (): Promise<string> => readFile(file, 'utf8').catch(() => '')
  return {
    stateDir,
    clock,
    log,
    state,
    cache,
    file,
    written,
    async writtenWith(name: string): Promise<void> {
      let text = ''
      await until(() => {
        void written().then((now) => {
          text = now
        })
        return text.includes(`["${name}",`)
      }, `${name} on the disk`)
    },
  }
}

function viewOf(...names: string[]): RememberedView {
  const claims = names.map((name, index) => held(lease(name, { ipv4: claim4(index + 1) })))
  const position = { version: '7', ownVersion: '5' }
  return { givenName: 'me', position, own: flannelNode('me', 9), claims }
}

test('a view is written when it changed, once a minute at most', async (t) => {
  const { clock, cache, state, writtenWith, written } = await setUp(t)
  assert.equal(clock.pending, 0)
  cache.mark()
  clock.advance(2000)
  await writtenWith('a')
  assert.equal(clock.pending, 0, 'nothing is written without a change')
  state.view = viewOf('a', 'b')
  cache.mark()
  await until(() => clock.pending === 1, 'the next write')
  clock.advance(MINUTE - 1)
  state.view = viewOf('a', 'b', 'c')
  cache.mark()
  assert.ok(!(await written()).includes('"b"'))
  clock.advance(1)
  await writtenWith('c')
})

test('what another agent of this node left is read', async (t) => {
  const first = await setUp(t)
  first.cache.mark()
  await first.cache.close()
  const second = await setUp(t, first.stateDir)
  const known = await second.cache.load()
  assert.deepEqual(known, viewOf('a'))
  assert.deepEqual(second.log.lines, [])
})

test('its name is one that cleanup removes, and nothing else is left', async (t) => {
  const { cache, stateDir } = await setUp(t)
  cache.mark()
  await cache.close()
  assert.deepEqual(await readdir(stateDir), ['flannel.7.leases'])
})

test('no cache is no trouble; a foreign or damaged one is not used, and said', async (t) => {
  const first = await setUp(t)
  assert.equal(await first.cache.load(), undefined)
  assert.deepEqual(first.log.lines, [])
  first.cache.mark()
  await first.cache.close()
  const { cache, log, file } = await setUp(t, first.stateDir, 'theirs')
  assert.equal(await cache.load(), undefined)
  await writeFile(file, 'x')
  assert.equal(await cache.load(), undefined)
  const messages = log.of('state.unreadable').map((line) => line.message)
  assert.match(messages[0] ?? '', /flannel\.7\.leases is not used: it is of another network/)
  assert.match(messages[1] ?? '', /damaged/)
})

test('a disk that cannot be written costs one warning a minute and is counted; what was not written comes later', async (t) => {
  const { cache, clock, log, stateDir, state, written } = await setUp(t)
  await rm(stateDir, { recursive: true })
  await writeFile(stateDir, 'a file in place of the folder')
  cache.mark()
  clock.advance(2000)
  await until(() => cache.failures === 1, 'the first failure')
  // And the warning of the next minute.
  await until(() => clock.pending === 2, 'the next try')
  state.view = viewOf('a', 'b')
  cache.mark()
  clock.advance(MINUTE)
  await until(() => cache.failures === 2, 'the second failure')
  assert.deepEqual(
    log.of('state.not-saved').map((line) => line.level),
    ['warn', 'warn'],
  )
  await rm(stateDir)
  await until(() => clock.pending === 2, 'the next try')
  clock.advance(MINUTE)
  await until(() => log.lines.at(-1)?.message.endsWith('is written again (after 2 min)') === true, 'the success')
  assert.match(await written(), /\["b",/)
  assert.equal(cache.failures, 2)
})

test('without a synced view nothing is written, and nobody waits for one', async (t) => {
  const { cache, clock, state, written } = await setUp(t)
  state.view = undefined
  cache.mark()
  await clock.run(3 * MINUTE)
  assert.equal(clock.pending, 0)
  assert.equal(await written(), '')
})

test('closing writes what is not written yet', async (t) => {
  const { cache, written, clock } = await setUp(t)
  cache.mark()
  await cache.close()
  assert.match(await written(), /\["a",/)
  assert.equal(clock.pending, 0)
})

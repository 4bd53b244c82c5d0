import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKept } from '../../lib/agent/kept-value.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createKeptLog } from './support/log-lines.ts'

function setUp(text?: string) {
  const log = createKeptLog()
  const clock = createManualClock()
  const disk = new Map(text === undefined ? [] : [['/state/flannel.1.underlay.json', text]])
  let readOnly = false
  const kept = createKept({
    stateDir: '/state',
    ifname: 'flannel.1',
    field: 'underlay',
    parse: parseIp,
    readFile: async (path) => disk.get(path),
    async replaceFile(path, written) {
      if (readOnly) throw new Error('EROFS')
      disk.set(path, written)
    },
    clock,
    log,
  })
  return {
    kept,
    disk,
    clock,
    log,
    setReadOnly(now: boolean) {
      readOnly = now
    },
  }
}

test('what is saved is found again', async () => {
  const { kept, disk } = setUp()
  assert.equal(await kept.load(), undefined)
  await kept.save(parseIp('192.0.2.1'))
  const again = setUp(disk.get('/state/flannel.1.underlay.json'))
  assert.equal(await again.kept.load(), '192.0.2.1')
})

test('a damaged file that cannot be replaced is told once, however often it is asked for', async () => {
  for (const text of ['', '{}', '{"version":1,"underlay":"banana"}', '{"version":2,"underlay":"192.0.2.1"}']) {
    const { kept, log, setReadOnly, clock } = setUp(text)
    setReadOnly(true)
    for (let i = 0; i < 5; i += 1) {
      assert.equal(await kept.load(), undefined)
      await kept.save(parseIp('192.0.2.1'))
      await clock.run(61_000)
    }
    assert.equal(log.of('warn state.unreadable').length, 1, log.lines.join('\n'))
    assert.equal(log.of('warn state.not-saved').length, 1, log.lines.join('\n'))
    setReadOnly(false)
    await kept.save(parseIp('192.0.2.1'))
    assert.equal(await kept.load(), '192.0.2.1')
  }
})

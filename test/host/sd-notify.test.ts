/** What systemd is told, when, and what happens where it does not listen. The real datagram: test/cli/notify.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../../lib/host/log.ts'
import { createSdNotify, type SdNotify } from '../../lib/host/sd-notify.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

const EAGAIN = 11
const ECONNREFUSED = 111

interface Manager {
  readonly notify: SdNotify
  readonly clock: ManualClock
  readonly heard: string[]
  readonly lines: string[]
  errno: number
}

function manager(env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: '@/org/systemd/notify' }): Manager {
  const heard: string[] = []
  const lines: string[] = []
  const clock = createManualClock()
  const log = createLog({ level: 'info', format: 'text', destination: { write: (line) => lines.push(line) } })
  const send = (path: string, text: string): { errno: number } => {
    if (it.errno === 0) heard.push(`${path} ${text}`)
    return { errno: it.errno }
  }
  const it: Manager = { notify: createSdNotify({ send, clock, log, env }), clock, heard, lines, errno: 0 }
  return it
}

const told = (text: string): string => `@/org/systemd/notify ${text}`

test('readiness is told once, at once, with the status', () => {
  const { notify, heard, clock } = manager()
  notify.running('waiting: leases', true)
  assert.deepEqual(heard, [told('READY=1\nSTATUS=waiting: leases')])
  clock.advance(1000)
  notify.running('ready: 3 peers', true)
  notify.running('ready: 3 peers', true)
  assert.deepEqual(heard.slice(1), [told('STATUS=ready: 3 peers')])
})

test('ready is who serves, at once, or who does not within five seconds', () => {
  for (const serves of [true, false]) {
    const { notify, heard, clock } = manager()
    notify.running('waiting: leases', false)
    clock.advance(500)
    notify.running('waiting: subnet.env', serves)
    clock.advance(serves ? 0 : 4499)
    assert.equal(heard.join().includes('READY=1'), serves)
    clock.advance(1)
    assert.equal(heard.join().includes('READY=1'), true)
    notify.running('waiting: leases', false)
    clock.advance(20_000)
    assert.equal(heard.join().split('READY=1').length, 2)
    assert.equal(clock.pending, 0)
  }
})

test('a status that changes quickly is told once a second, the last one counts', () => {
  const { notify, heard, clock } = manager()
  for (let n = 0; n < 100; n += 1) {
    notify.running(`ready: ${n} peers`, true)
    clock.advance(50)
  }
  clock.advance(10_000)
  assert.equal(heard.length, 6)
  assert.equal(heard.at(-1), told('STATUS=ready: 99 peers'))
  assert.equal(clock.pending, 0)
})

test('the end is told at once and leaves no timer', () => {
  const { notify, heard, clock } = manager()
  notify.running('ready: 1 peers', true)
  notify.stopping()
  assert.equal(heard.at(-1), told('STOPPING=1'))
  assert.equal(clock.pending, 0)
})

test('what was not taken is told again until it is, with one warning', () => {
  const it = manager()
  it.errno = ECONNREFUSED
  it.notify.running('waiting: leases', true)
  it.notify.running('ready: 2 peers', true)
  it.errno = EAGAIN
  it.clock.advance(5000)
  assert.deepEqual(it.heard, [])
  assert.equal(it.lines.length, 1)
  assert.match(
    it.lines[0] ?? '',
    /^W.*notify\.failed\] systemd was not told READY: .*: ECONNREFUSED; it is tried again/,
  )
  it.errno = 0
  it.clock.advance(1000)
  assert.deepEqual(it.heard, [told('READY=1\nSTATUS=ready: 2 peers')])
})

test('a status is one line that systemd takes, whatever is in it', () => {
  const { notify, heard } = manager()
  notify.running(`waiting:\nREADY=0\n${'x'.repeat(10_000)}`, true)
  assert.equal(heard[0]?.split('\n').length, 2)
  assert.ok(Buffer.byteLength(heard[0] ?? '') < 4096)
})

test('without NOTIFY_SOCKET nothing is sent', () => {
  for (const env of [{}, { NOTIFY_SOCKET: '' }]) {
    const { notify, heard, lines, clock } = manager(env)
    notify.running('x', true)
    notify.stopping()
    assert.deepEqual([heard, lines, clock.pending], [[], [], 0])
  }
})

/** An agent in another program: what is refused before anything is touched, its life, and that it leaves the process alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ConfigError, createAgent, type LeaseSource } from '../../lib/index.ts'
import { createTeller } from '../../lib/module/events.ts'

const leases: LeaseSource = { start: () => undefined, close: () => undefined }
const options = { nodeName: 'a', netConf: { Network: '10.42.0.0/16' }, leases }

test('a config that is wrong is refused with its key, and a near one that exists', () => {
  const cases: readonly (readonly [config: unknown, options: unknown, message: RegExp])[] = [
    [{ ifcae: 'eth0' }, options, /^ifcae: is no key of the config; did you mean iface\?/],
    [{ 'healthz-port': '8081' }, options, /^healthz-port: must be a whole number, not "8081"$/],
    [{ 'healthz-port': 70000 }, options, /^healthz-port: 70000 is no port/],
    [{ 'healthz-port': 1n }, options, /^healthz-port: must be a whole number, not 1$/],
    [{ iface: ['eth0', 7] }, options, /^iface\[1\]: must be a text/],
    [{ firewall: 'pf' }, options, /^firewall: 'pf' is unknown; give one of auto, /],
    [{ config: '/x' }, options, /^config: counts on the command line only/],
    [{ k3s: true }, options, /^k3s: is for the command/],
    [{ leases: '/x' }, options, /^leases: is a second source of leases/],
    ['iface', options, /^config: must be a mapping/],
    [{}, { ...options, netConf: { Network: 'x' } }, /^options\.netConf: Network: /],
    [{}, { ...options, nodename: 'a' }, /^options\.nodename: is no option; did you mean nodeName\?/],
    [{}, { ...options, nodeName: '' }, /^options\.nodeName: must be a name/],
    [{}, { ...options, leases: {} }, /^options\.leases: must be an object with start and close/],
    [{}, { ...options, signal: {} }, /^options\.signal: must be an AbortSignal/],
    [{}, null, /^options: must be an object/],
  ]
  for (const [config, given, message] of cases)
    assert.throws(
      () => createAgent(config as object, given as object),
      (error) =>
        error instanceof ConfigError &&
        message.test(error.message) &&
        message.test(`${error.where}: ${error.message.slice(error.where.length + 2)}`),
      String(message),
    )
})

test('one that was stopped before its start never starts, and a signal says why', async () => {
  const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)])
  await using agent = createAgent({}, options)
  assert.deepEqual([agent.ready, agent.status().text, agent.status().ready], [false, 'not started', false])
  await agent.stop()
  await agent.stop()
  await agent.ended
  await assert.rejects(agent.start(), { name: 'AbortError' })

  const controller = new AbortController()
  const other = createAgent({}, { ...options, signal: controller.signal })
  const seen = (async () => {
    for await (const event of other.events()) assert.fail(event.type)
  })()
  controller.abort(new Error('enough'))
  await assert.rejects(other.start(), { message: 'enough' })
  await seen
  assert.deepEqual(
    process.eventNames().map((name) => [name, process.listenerCount(name)]),
    listeners,
  )
})

test('a listener that throws or rejects disturbs no other, and a slow reader is told what it lost', async () => {
  const thrown: string[] = []
  const teller = createTeller((type, error) => thrown.push(`${type} ${String(error)}`))
  const heard: number[] = []
  teller.emitter.on('leases', () => {
    throw new Error('here')
  })
  teller.emitter.on('leases', () => Promise.reject(new Error('later')))
  teller.emitter.once('leases', ({ peers }) => heard.push(peers))
  const reader = teller.events(undefined)
  for (let peers = 1; peers <= 1001; peers += 1) teller.emit('leases', { peers, synced: true, rejected: 0 })
  teller.end()
  const read: unknown[] = []
  for await (const event of reader) read.push(event)
  assert.deepEqual([heard, read], [[1], [{ type: 'lost', detail: 1001 }]])
  await turn()
  assert.deepEqual([thrown.length, new Set(thrown)], [2002, new Set(['leases Error: here', 'leases Error: later'])])
})

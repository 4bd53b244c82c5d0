/** What every call and every monitor of the module's door takes: signals, limits, loops, and ends by `using`. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { createEntryWriter, NetlinkSocketError } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { createDevice, createStage, peerEntries } from './support.ts'

test(
  'each call that waits for the kernel ends by its signal, and what had not begun is never sent',
  kernelTests,
  async (t) => {
    const { rtnl } = await createStage(t)
    const ifindex = await createDevice(rtnl)
    const reason = new Error('no longer wanted')
    await assert.rejects(rtnl.createBridge({ ifname: 'br0' }, { signal: AbortSignal.abort(reason) }), reason)
    const writer = createEntryWriter()
    for (let i = 0; i < 20_000; i += 1)
      for (const entry of peerEntries(ifindex, 'ipv4', i)) writer.push('replace', entry)
    const controller = new AbortController()
    const { signal } = controller
    const waiting = [
      rtnl.applyEntries(writer.finish(), { signal }),
      rtnl.dumpRoutes('ipv4', { signal }),
      rtnl.createBridge({ ifname: 'br1' }, { signal }),
      rtnl.deleteLink(ifindex, { signal }),
      rtnl.dump({ type: 18, body: { write: (out) => out.zeros(16), read: () => undefined }, value: {} }, { signal }),
    ]
    const after = rtnl.dumpLinks()
    controller.abort(reason)
    for (const outcome of await Promise.allSettled(waiting))
      assert.equal(outcome.status === 'rejected' && outcome.reason, reason)
    assert.deepEqual(
      (await after).value.map(({ ifname }) => ifname),
      ['lo', 'flannel.1'],
    )
    // The batch was interrupted on its way: the socket goes on with whole answers.
    assert.ok((await rtnl.dumpRoutes('ipv4')).value.length < 20_000)
  },
)

test(
  'of calls under one signal none begins when the one before it is interrupted, whoever is late',
  kernelTests,
  async (t) => {
    const { rtnl } = await createStage(t)
    const ifindex = await createDevice(rtnl)
    const writer = createEntryWriter()
    for (let i = 0; i < 2_000; i += 1)
      for (const entry of peerEntries(ifindex, 'ipv4', i)) writer.push('replace', entry)
    const entries = writer.finish()
    let interrupted = 0
    for (let round = 0; round < 500 && interrupted < 50; round += 1) {
      const controller = new AbortController()
      const { signal } = controller
      const batch = rtnl.applyEntries(entries, { signal }).then(
        () => false,
        () => true,
      )
      const bridges: Promise<unknown>[] = []
      // Whoever listens between the calls is as slow as a thread that the machine puts aside.
      for (let i = 0; i < 5; i += 1) {
        signal.addEventListener('abort', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1))
        bridges.push(rtnl.createBridge({ ifname: `br${i}` }, { signal }))
      }
      controller.abort()
      await Promise.allSettled(bridges)
      const links = (await rtnl.dumpLinks()).value.slice(2)
      // Where the batch was done before the signal came, those behind it had begun.
      const isInterrupted = await batch
      if (isInterrupted) assert.deepEqual(links, [])
      else for (const link of links) await rtnl.deleteLink(link.ifindex)
      interrupted += Number(isInterrupted)
    }
    assert.ok(interrupted > 0)
  },
)

test('a batch beyond its limit says what is known of each entry', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const writer = createEntryWriter()
  for (let i = 0; i < 40_000; i += 1) for (const entry of peerEntries(ifindex, 'ipv4', i)) writer.push('replace', entry)
  await assert.rejects(rtnl.applyEntries(writer.finish(), { timeoutMs: 1 }), (error) => {
    assert.ok(error instanceof NetlinkSocketError)
    assert.equal(error.errnoName, 'ETIMEDOUT')
    const partial = error.partial as { errnos: Int32Array; unknown: number } | undefined
    assert.equal(partial?.errnos.length ?? 120_000, 120_000)
    assert.ok((partial?.unknown ?? 1) > 0)
    return true
  })
})

test(
  'a monitor is read with `for await`, of both families where none is named, and `using` ends it',
  kernelTests,
  async (t) => {
    const { rtnl, netns } = await createStage(t)
    const heard: string[] = []
    {
      using monitor = rtnl.monitor({ groups: ['link', 'address'] })
      await rtnl.createBridge({ ifname: 'br0' })
      await netns.exec('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'br0')
      await netns.exec('ip', 'address', 'add', '2001:db8::1/64', 'dev', 'br0', 'nodad')
      for await (const event of monitor) {
        if (event.type === 'address') heard.push(event.address.ip)
        if (heard.includes('2001:db8::1')) break
      }
    }
    assert.deepEqual(heard.slice(0, 2), ['192.0.2.1', '2001:db8::1'])
  },
)

test(
  'a monitor ends by its signal, by close, and with its socket; a callback and a loop exclude each other',
  kernelTests,
  async (t) => {
    const { rtnl } = await createStage(t)
    const controller = new AbortController()
    const reason = new Error('enough')
    const read = async (monitor: AsyncIterable<unknown>) => {
      for await (const _ of monitor) assert.fail('nothing happens')
    }
    const aborted = assert.rejects(read(rtnl.monitor({ groups: ['link'], signal: controller.signal })), reason)
    controller.abort(reason)
    await aborted
    const closed = rtnl.monitor({ groups: ['link'] })
    const ended = read(closed)
    closed.close()
    await ended
    const told = rtnl.monitor({ groups: ['link'], onNotifications() {} })
    assert.throws(() => told[Symbol.asyncIterator](), /^TypeError: onNotifications/)
    assert.throws(() => rtnl.monitor({ groups: ['link'], signal: controller.signal }), reason)
    const last = read(rtnl.monitor({ groups: ['link'] }))
    await rtnl[Symbol.asyncDispose]()
    await last
    await assert.rejects(rtnl.dumpLinks(), { errnoName: 'ECANCELED' })
  },
)

test('a program with a monitor that does not count ends by itself', kernelTests, () => {
  const program = `
    import { openRtnl } from ${JSON.stringify(new URL('../../lib/rtnl/index.ts', import.meta.url).href)}
    const rtnl = openRtnl()
    const monitor = rtnl.monitor({ groups: ['link'], onNotifications() {} })
    monitor.ref()
    monitor.unref()
    process.stdout.write('open')`
  const words = ['--import', 'tsx', '--input-type=module', '-e', program]
  const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 })
  assert.deepEqual([status, stdout], [0, 'open'])
})

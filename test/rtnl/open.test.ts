import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { closeSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { createEntryWriter, openRtnl } from '../../lib/rtnl/index.ts'
import { openNftMonitor } from '../../lib/rtnl/native-nft-monitor.ts'
import { kernelTests } from '../support/netns.ts'
import { createDevice, createStage, linkNamed, peerEntries } from './support.ts'

const run = promisify(execFile)

test('options out of range are refused before a socket is opened', () => {
  for (const options of [
    { timeoutMs: 0 },
    { timeoutMs: 1.5 },
    { chunkEntries: 0 },
    { bufferBytes: 15 },
    { bufferBytes: 2 ** 24 + 1 },
    { receiveBufferBytes: 2 ** 26 + 1 },
    { chunkEntries: 65_537 },
    { receiveBufferBytes: -1 },
  ])
    assert.throws(() => openRtnl(options), { name: 'RangeError' }, JSON.stringify(options))
})

test('several doors are independent: each has its port ID, its queue, its namespace', kernelTests, async (t) => {
  const first = await createStage(t)
  const second = await createStage(t)
  const third = openRtnl({ netns: first.netns.path })
  t.after(() => third.close())
  await first.rtnl.createBridge({ ifname: 'only-here' })
  assert.equal((await linkNamed(third, 'only-here')).kind, 'bridge')
  assert.equal((await second.rtnl.dumpLinks()).value.length, 1)
  assert.notEqual(first.rtnl.portId, third.portId)
  assert.ok(first.rtnl.portId > 0)
})

test('a namespace stays the one that was opened when its name is gone or given to another', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await rtnl.createBridge({ ifname: 'first' })
  await run('ip', ['netns', 'delete', netns.name])
  await run('ip', ['netns', 'add', netns.name])
  assert.equal((await linkNamed(rtnl, 'first')).kind, 'bridge')
  const heard = new Promise<string>((resolve) => {
    const monitor = rtnl.monitor({
      groups: ['link'],
      families: ['ipv4'],
      onNotifications([first]) {
        monitor.close()
        resolve(first?.type === 'link' ? first.link.ifname : '')
      },
    })
  })
  await rtnl.createBridge({ ifname: 'second' })
  assert.equal(await heard, 'second')
})

test('what is not a namespace is refused by name', kernelTests, async () => {
  assert.throws(() => openRtnl({ netns: '/dev/null' }), { name: 'NetlinkSocketError', op: 'open', errnoName: 'EINVAL' })
})

test('a file that is no network namespace is refused at once, and a pipe is not waited for', kernelTests, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [pipe, file] = [path.join(folder, 'pipe'), path.join(folder, 'file')]
  await run('mkfifo', [pipe])
  writeFileSync(file, '')
  const { rtnl } = await createStage(t)
  await rtnl.createBridge({ ifname: 'br0' })
  const { ifindex } = await linkNamed(rtnl, 'br0')
  for (const netns of [pipe, file, folder, '/dev/null', '/proc/self/ns/uts', '/proc/self/ns/user', { fd: 0 }]) {
    const refused = { name: 'NetlinkSocketError', errnoName: 'EINVAL', message: /is no network namespace/ }
    assert.throws(() => openRtnl({ netns }), refused)
    await assert.rejects(rtnl.moveLink(ifindex, netns), refused)
    await assert.rejects(rtnl.createVeth({ ifname: 'v0', peer: { ifname: 'v1', netns } }), refused)
    assert.throws(() => openNftMonitor({ netns, watched: [], onNews: () => undefined }), refused)
  }
  assert.equal((await rtnl.dumpLinks()).value.length, 2)
})

test('an open that fails, and a close, leave no descriptor behind', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await openRtnl({ netns: netns.path }).close()
  const before = readdirSync('/proc/self/fd').length
  for (let i = 0; i < 50; i += 1) {
    for (const path of ['/dev/null', '/run/netns/nowhere', '/proc/self/ns/uts'])
      assert.throws(() => openRtnl({ netns: path }), { name: 'NetlinkSocketError' })
    const door = openRtnl({ netns: netns.path })
    door.monitor({ groups: ['link'], families: [], onNotifications: () => undefined })
    await door.dumpLinks()
    await door.close()
  }
  assert.equal(readdirSync('/proc/self/fd').length, before)
  assert.equal((await rtnl.dumpLinks()).value.length, 1)
})

/** UBSan wants descriptors of its own. */
const descriptorTests = process.env.VTEPD_NATIVE_DIR === undefined ? kernelTests : { skip: 'not under a sanitizer' }

test('where no descriptor is left an open says so, at whatever step, and takes none', descriptorTests, async (t) => {
  const { netns } = await createStage(t)
  const program = `
    import { execFileSync } from 'node:child_process'
    import { openSync, closeSync } from 'node:fs'
    import { openRtnl } from './lib/rtnl/index.ts'
    import { openNftMonitor } from './lib/rtnl/native-nft-monitor.ts'
    const rtnl = openRtnl({ netns: process.argv[1] })
    await rtnl.dumpLinks()
    const opens = [
      () => openRtnl({ netns: process.argv[1] }),
      () => rtnl.monitor({ groups: ['link'], families: [], onNotifications: () => {} }),
      () => openNftMonitor({ netns: process.argv[1], watched: [], onNews: () => {} }),
    ]
    // What is loaded may have more of them open at once.
    execFileSync('prlimit', ['--pid=' + process.pid, '--nofile=64:64'])
    const taken = []
    try { for (;;) taken.push(openSync('/dev/null')) } catch {}
    const told = new Set()
    for (let free = 0; free < 3; free += 1) {
      for (const open of opens)
        for (let i = 0; i < 20; i += 1)
          try { await open().close() } catch (error) { told.add(error.errnoName) }
      closeSync(taken.pop())
    }
    // What was closed is free again: nothing else holds it.
    for (let free = 0; free < 3; free += 1) taken.push(openSync('/dev/null'))
    let full = false
    try { openSync('/dev/null') } catch { full = true }
    for (const fd of taken) closeSync(fd)
    console.log([...told].join(), full)
    await rtnl.close()`
  const node = ['--import', 'tsx', '--input-type=module', '-e', program, netns.path]
  const { stdout } = await run(process.execPath, node)
  assert.equal(stdout, 'EMFILE true\n')
})

test('without CAP_NET_ADMIN the refusal says so', kernelTests, async () => {
  const program = `
    import { openRtnl } from './lib/rtnl/index.ts'
    const rtnl = openRtnl()
    await rtnl.createBridge({ ifname: 'br0' }).catch((error) => console.log(error.code, error.message))
    await rtnl.close()`
  // A user namespace of its own has no power over the network namespace that it came from.
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program]
  const { stdout } = await run('unshare', ['-U', ...node])
  assert.equal(stdout, 'ERR_VTEPD_NETLINK link.create br0: EPERM (CAP_NET_ADMIN is missing)\n')
})

test('an addon that is not there is a configuration error that says what to do', async () => {
  const program = `
    import { openRtnl } from './lib/rtnl/index.ts'
    try { openRtnl() } catch (error) { console.log(error.code, error.message.split('\\n')[0]) }`
  const env = { ...process.env, VTEPD_NATIVE_DIR: '/nonexistent' }
  const node = ['--import', 'tsx', '--input-type=module', '-e', program]
  const { stdout } = await run(process.execPath, node, { env })
  assert.match(stdout, /^ERR_VTEPD_CONFIG vtepd_native\.node: .*npm ci/)
})

test('after close every call is refused with ECANCELED, and closing again resolves', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  await rtnl.dumpLinks()
  await Promise.all([rtnl.close(), rtnl.close()])
  await rtnl.close()
  await assert.rejects(rtnl.dumpLinks(), { name: 'NetlinkSocketError', op: 'link.dump', errnoName: 'ECANCELED' })
  await assert.rejects(rtnl.applyEntries({ bytes: new Uint8Array(0), length: 0 }), { errnoName: 'ECANCELED' })
})

test('close rejects what is queued, and leaves the kernel usable', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const writer = createEntryWriter()
  for (let i = 0; i < 20_000; i += 1)
    for (const entry of peerEntries(ifindex, 'ipv4', i).slice(0, 1)) writer.push('create', entry)
  const batch = rtnl.applyEntries(writer.finish())
  const dumps = Array.from({ length: 5 }, () => rtnl.dumpLinks())
  const settled = Promise.allSettled([batch, ...dumps])
  await rtnl.close()
  const results = await settled
  assert.ok(
    results
      .slice(1)
      .every((r) => r.status === 'rejected' && (r.reason as { errnoName: string }).errnoName === 'ECANCELED'),
    JSON.stringify(results),
  )
  const other = openRtnl({ netns: netns.path })
  t.after(() => other.close())
  await other.deleteLink(ifindex)
})

test('a socket that is closed under us fails requests, and ends the monitor with `closed`', kernelTests, async (t) => {
  const before = new Set(sockets())
  const { rtnl, netns } = await createStage(t)
  const ended = new Promise<unknown>((resolve) => {
    rtnl.monitor({
      groups: ['link'],
      families: ['ipv4'],
      onNotifications(all) {
        for (const each of all) if (each.type === 'closed') resolve(each)
      },
    })
  })
  await rtnl.dumpLinks()
  const own = sockets().filter((fd) => !before.has(fd))
  assert.equal(own.length, 2)
  for (const fd of own) closeSync(fd)
  // The monitor's poll holds on to the file: it notices at the next message.
  await netns.exec('ip', 'link', 'add', 'b0', 'type', 'bridge')
  assert.deepEqual(await ended, { type: 'closed', errno: 9, errnoName: 'EBADF' })
  await assert.rejects(rtnl.dumpLinks(), { name: 'NetlinkSocketError', errnoName: 'EBADF' })
})

/** The descriptors of this process that are sockets. */
function sockets(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
      } catch {
        return false
      }
    })
}

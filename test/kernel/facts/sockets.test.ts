/** kernel-facts 5: sockets and namespaces. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { parseIp } from '../../../lib/net/ip.ts'
import { openRtnl } from '../../../lib/rtnl/native.ts'
import type { EntrySpec } from '../../conformance/entry-specs.ts'
import { kernelTests } from '../../support/netns.ts'
import { createNode, listen } from './support.ts'

const run = promisify(execFile)

test(
  'a socket stays in the namespace in which it was opened, and keeps it alive when its name is gone',
  kernelTests,
  async (t) => {
    const name = `nameless-${process.pid}`
    await run('ip', ['netns', 'add', name])
    const rtnl = openRtnl({ netns: `/run/netns/${name}` })
    t.after(() => rtnl.close())
    await run('ip', ['netns', 'delete', name])
    await rtnl.createBridge({ ifname: 'br-inside' })
    const own = openRtnl()
    t.after(() => own.close())
    const names = async (door: typeof rtnl) => (await door.dumpLinks()).value.map((link) => link.ifname)
    assert.ok((await names(rtnl)).includes('br-inside'))
    assert.ok(!(await names(own)).includes('br-inside'))
  },
)

test('a monitor that was overrun is told so, and hears what comes after', kernelTests, async (t) => {
  const node = await createNode(t, 'overrun')
  await node.createVxlan({ local: parseIp('192.0.2.1') })
  const ear = listen(t, node.rtnl, { receiveBufferBytes: 4096 })
  const burst = Array.from(
    { length: 2000 },
    (_, i): EntrySpec => ({ neigh: `10.${i >> 8}.${i & 255}.1`, lladdr: '0e:2a:00:00:00:02', dev: 'v1' }),
  )
  await node.apply(...burst)
  await ear.until((news) => news.type === 'overrun')
  await node.ip('link', 'set', 'v1', 'mtu', '1300')
  await ear.until((news) => news.type === 'link' && news.link.mtu === 1300)
})

test('VXLAN, veth and bridge need no root inside a user namespace', kernelTests, async (t) => {
  const commands = [
    'ip link add v1 type vxlan id 1 dstport 8472',
    'ip link add u0 type veth peer name p0',
    'ip link add br0 type bridge',
    'ip -oneline link show | wc -l',
  ]
  const inside = ['unshare', '-r', '-n', 'sh', '-ec', commands.join('; ')]
  const ordinary = process.getuid?.() === 0 ? ['setpriv', '--reuid', '65534', '--clear-groups', ...inside] : inside
  const [program = '', ...args] = ordinary
  const result = await run(program, args).catch((error: Error & { stderr?: string }) => error)
  if (
    result instanceof Error &&
    /unshare failed|not permitted|ENOENT/.test(`${result.message}${result.stderr ?? ''}`)
  ) {
    t.skip(`user namespaces are refused here: ${result.message.trim().split('\n').at(-1)}`)
    return
  }
  if (result instanceof Error) throw result
  assert.equal(result.stdout.trim(), '5')
})

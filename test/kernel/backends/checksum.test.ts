/** `--tx-checksum-offload` on the real kernel: after every creation, and again when somebody else changes it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRtnl } from '../../../lib/rtnl/native.ts'
import { kernelTests } from '../../support/netns.ts'
import { patience } from '../../support/patience.ts'
import { createPair, startProbe, tunnelled } from './support/pair.ts'

const BOTH = ['ipv4', 'ipv6'] as const
const PATIENCE_MS = patience(20_000)

test(
  'checksum offload is off on both devices after every creation, and switched off again by event',
  kernelTests,
  async (t) => {
    const pair = await createPair(t, {
      families: BOTH,
      backend: { Type: 'vxlan' },
      flags: ['--tx-checksum-offload=off'],
    })
    const { netns } = pair.a
    const rtnl = openRtnl({ netns: netns.path })
    t.after(() => rtnl.close())
    const device = async (name: string) => (await rtnl.dumpLinks()).value.find(({ ifname }) => ifname === name)?.ifindex
    const untilOff = async (name: string): Promise<void> => {
      const deadline = performance.now() + PATIENCE_MS
      for (;;) {
        const ifindex = await device(name)
        if (ifindex !== undefined && !(await rtnl.readTxChecksum(ifindex).catch(() => true))) return
        assert.ok(performance.now() < deadline, `${name} still leaves checksums to another link`)
      }
    }
    for (const name of ['flannel.1', 'flannel-v6.1']) {
      await untilOff(name)
      const ifindex = await device(name)
      assert.ok(ifindex !== undefined)
      await rtnl.writeTxChecksum(ifindex, true)
      await untilOff(name)
      await netns.exec('ip', 'link', 'del', name)
      await untilOff(name)
    }
    await pair.shows((_, peer) => tunnelled(BOTH, peer))
    for (const family of BOTH) await startProbe(t, pair, family)
  },
)

test('without the flag the kernel of now is left as it is', kernelTests, async (t) => {
  const { a } = await createPair(t, { families: ['ipv4'], backend: { Type: 'vxlan' } })
  const rtnl = openRtnl({ netns: a.netns.path })
  t.after(() => rtnl.close())
  const ifindex = (await rtnl.dumpLinks()).value.find(({ ifname }) => ifname === 'flannel.1')?.ifindex
  assert.ok(ifindex !== undefined)
  assert.equal(await rtnl.readTxChecksum(ifindex), true)
  assert.ok(!a.agent.lines.some(({ msg }) => msg.includes('tx-checksum')))
})

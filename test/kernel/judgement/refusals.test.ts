/**
 * A system that gives the agent no more sockets, or no more files: it says so in a plain sentence, goes on with what it has, and
 * everything is right when it gets them again.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openRtnl } from '../../../lib/rtnl/native.ts'
import type { Rtnl } from '../../../lib/rtnl/port.ts'
import { kernelTests } from '../../support/netns.ts'
import { patience } from '../../support/patience.ts'
import { createHost } from '../handover/support/host.ts'
import { peer } from '../handover/support/nodes.ts'
import { deviceName } from '../healing/support/cluster.ts'
import { createHealthyHost } from '../healing/support/host.ts'
import { FAMILIES } from './support/pod-host.ts'

const run = promisify(execFile)
const PEER = peer('peer', { subnet: 20 })
const LATER = peer('later', { subnet: 21 })

for (const when of ['at the start', 'while it runs'] as const)
  test(`an agent that gets no netlink socket ${when} says so, and goes on when it gets one`, kernelTests, async (t) => {
    const host = await createHost(t, { families: FAMILIES })
    const opened: Rtnl[] = []
    let refused = when === 'at the start'
    const open = (): Rtnl => {
      const rtnl = openRtnl({ netns: refused ? '/run/netns/there-is-none' : host.netns.path })
      opened.push(rtnl)
      return rtnl
    }
    host.start({ open })
    host.nodes.tell({ list: [PEER] })
    if (when === 'while it runs') {
      await host.right([PEER])
      refused = true
      await Promise.all(opened.map((rtnl) => rtnl.close()))
      host.nodes.tell({ list: [PEER, LATER] })
    }
    for (const family of FAMILIES) {
      const { message } = await host.said('rtnl.closed', 0, ({ fields }) => fields.family === family)
      assert.match(message, /^no netlink socket can be opened: .*ENOENT/)
    }
    const from = host.log.length
    refused = false
    for (const family of FAMILIES)
      await host.said(
        'rtnl.closed',
        from,
        ({ fields, message }) => fields.family === family && message.includes('open again'),
      )
    await host.right(when === 'at the start' ? [PEER] : [PEER, LATER])
    assert.ok(!host.log.some(({ event }) => event === 'agent.exception'))
  })

test(
  'an agent that may open no more files keeps the kernel right, says what it cannot, and does it later',
  kernelTests,
  async (t) => {
    const host = await createHealthyHost(t, { families: FAMILIES })
    const limit = (soft: string): Promise<unknown> =>
      run('prlimit', ['--pid', `${host.agent.pid}`, `--nofile=${soft}:`])
    const from = host.agent.lines.length
    // All of them are in use; with fewer poll(2) would refuse the sockets that are open.
    await limit('8')
    await host.ip('link set mgmt0 mtu 1450', ...FAMILIES.map((family) => `link del ${deviceName(family)}`))
    host.expected = { ...host.expected, underlayMtu: 1450 }
    await host.agent.until('cni.subnet-env-failed', ({ msg }) => /cannot write \S+: .*EMFILE/.test(msg), from)
    for (const deadline = performance.now() + patience(20_000); ; ) {
      const seen = host.events.lines.length
      const { tables } = await host.read()
      if (FAMILIES.every((family) => tables[family]?.routes.length === 6 && tables[family]?.fdb.length === 5)) break
      assert.ok(performance.now() < deadline, JSON.stringify(tables))
      await host.events.more(seen, 100)
    }
    await limit('1024')
    await host.ready()
  },
)

/**
 * The real NetworkManager owns the management interface and does what users have it do; it deletes and rebuilds the
 * interface, or damages flannel.1 itself. After each command everything is right again (kernel-facts 6 says
 * which command does what).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNetns } from '../support/netns.ts'
import { type NetworkManager, networkManagerTests, startNetworkManager } from '../support/network-manager.ts'
import { createHost, type Host, type HostOptions } from './healing/support/host.ts'
import { underlayPrefix } from './healing/support/surroundings.ts'

const PARENT = 'mgmt0-system'

interface Stage {
  readonly host: Host
  readonly manager: NetworkManager
}

interface Story {
  readonly name: string
  /** The interface is deleted and made anew, so that a pinned device dies. */
  readonly rebuilds: boolean
  /** It takes something from flannel.1 itself. */
  readonly damages?: true
  play(stage: Stage): Promise<void>
}

let servers = 0

/** Another DNS server each time, so that it is a change. */
function dns(): string {
  servers = (servers + 1) % 250
  return `192.0.2.${servers + 1}`
}

const STORIES: readonly Story[] = [
  {
    name: 'a DNS server is added, and the connection is taken down and up',
    rebuilds: true,
    async play({ manager }) {
      await manager.nmcli('con', 'modify', PARENT, '+ipv4.dns', dns())
      await manager.nmcli('con', 'down', PARENT)
      await manager.nmcli('con', 'up', PARENT)
    },
  },
  {
    name: 'the DNS servers are removed, and the device is disconnected and its connection taken up',
    rebuilds: true,
    async play({ manager }) {
      await manager.nmcli('con', 'modify', PARENT, 'ipv4.dns', '')
      await manager.nmcli('device', 'disconnect', PARENT)
      await manager.nmcli('con', 'up', PARENT)
    },
  },
  {
    name: 'the connection is deleted and made anew with another DNS server',
    rebuilds: true,
    async play({ host, manager }) {
      await manager.nmcli('con', 'delete', PARENT)
      await addConnection(host, manager, kindOf.get(host) ?? 'macvlan', ['ipv4.dns', dns()])
    },
  },
  {
    name: 'networking is switched off and on',
    rebuilds: true,
    async play({ manager }) {
      await manager.nmcli('networking', 'off')
      await manager.nmcli('networking', 'on')
      await manager.nmcli('con', 'up', PARENT)
    },
  },
  {
    name: 'a DNS server is changed and the connection taken up without down',
    rebuilds: false,
    async play({ manager }) {
      await manager.nmcli('con', 'modify', PARENT, 'ipv4.dns', dns())
      await manager.nmcli('con', 'up', PARENT)
    },
  },
  {
    name: 'a DNS server is changed and the device reapplied',
    rebuilds: false,
    async play({ manager }) {
      await manager.nmcli('con', 'modify', PARENT, 'ipv4.dns', dns())
      await manager.nmcli('device', 'reapply', PARENT)
    },
  },
  { name: 'NetworkManager is restarted', rebuilds: false, play: ({ manager }) => manager.restart() },
  { name: 'con down flannel.1', rebuilds: false, damages: true, play: ({ manager }) => damage(manager, 'con', 'down') },
  {
    name: 'device disconnect flannel.1',
    rebuilds: false,
    damages: true,
    play: ({ manager }) => damage(manager, 'device', 'disconnect'),
  },
]

const CONFIGURATIONS = [
  { families: ['ipv4'], pinned: false, parent: 'macvlan' },
  { families: ['ipv4'], pinned: true, parent: 'bridge' },
  { families: ['ipv4', 'ipv6'], pinned: true, parent: 'macvlan' },
] as const satisfies readonly HostOptions[]

for (const configuration of CONFIGURATIONS) {
  const { families, pinned, parent } = configuration
  const title = `NetworkManager owns a ${parent}, ${families.join(' and ')}, ${pinned ? 'pinned' : 'unpinned'}`
  test(`${title}: the overlay heals after each of its commands`, networkManagerTests(), async (t) => {
    const host = await createHost(t, { ...configuration, choice: [`--iface=${PARENT}`] })
    if (pinned) host.expected = { ...host.expected, parents: { ipv4: PARENT, ipv6: PARENT } }
    const made = ['eth0', 'far0', 'other0', 'foreign7']
    const manager = await startNetworkManager(t, host.netns, made, { unmanaged: made })
    await addConnection(host, manager, parent)
    host.start()
    await host.ready()
    for (const story of STORIES) await t.test(story.name, () => play({ host, manager }, story))
  })
}

test(
  'NetworkManager is not started where there is an interface that the test has not made',
  networkManagerTests(),
  async (t) => {
    const netns = await createNetns(t)
    await netns.exec('ip', 'link', 'add', 'ens3', 'type', 'bridge')
    await assert.rejects(
      startNetworkManager(t, netns, ['eth0'], { unmanaged: [] }),
      /ens3 .* was not made by this test/,
    )
  },
)

async function play(stage: Stage, story: Story): Promise<void> {
  const { events } = stage.host
  const [before, seen] = [await ifindexOf(stage.host), await events.caughtUp()]
  await story.play(stage)
  await stage.host.ready()
  const after = await ifindexOf(stage.host)
  assert.equal(after !== before, story.rebuilds, story.rebuilds ? 'it was rebuilt' : 'it stayed the same interface')
  const hit = (await events.since(seen)).some((line) => line.startsWith('Deleted') && line.includes('flannel.1'))
  if (story.damages === true) assert.ok(hit, 'the command did harm')
}

const kindOf = new WeakMap<Host, 'macvlan' | 'bridge'>()

async function addConnection(
  host: Host,
  manager: NetworkManager,
  kind: 'macvlan' | 'bridge',
  more: readonly string[] = [],
): Promise<void> {
  kindOf.set(host, kind)
  const { families } = host.expected
  const link = kind === 'macvlan' ? ['dev', 'eth0', 'mode', 'bridge'] : ['bridge.stp', 'no']
  const ipv6 = families.includes('ipv6')
    ? ['ipv6.method', 'manual', 'ipv6.addresses', underlayPrefix('ipv6'), 'ipv6.may-fail', 'no']
    : ['ipv6.method', 'disabled']
  await manager.nmcli(
    ...['con', 'add', 'type', kind, 'ifname', PARENT, 'con-name', PARENT, ...link],
    ...['ipv4.method', 'manual', 'ipv4.addresses', underlayPrefix('ipv4'), ...ipv6],
    ...['connection.autoconnect', 'no', '802-3-ethernet.mtu', '1500', ...more],
  )
  await manager.nmcli('con', 'up', PARENT)
}

/** NetworkManager flushes the device's address, routes and neighbours, and restores nothing. */
async function damage(manager: NetworkManager, ...words: readonly string[]): Promise<void> {
  await manager.nmcli(...words, 'flannel.1')
}

async function ifindexOf(host: Host): Promise<number> {
  const [link] = JSON.parse(await host.netns.exec('ip', '-j', 'link', 'show', 'dev', PARENT)) as { ifindex: number }[]
  return link?.ifindex ?? 0
}

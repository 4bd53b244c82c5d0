/**
 * Namespaces for the tests of kernel facts: one with an underlay link, or two that carry packets to each other.
 * Must not: assert anything.
 */
import type { TestContext } from 'node:test'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Ip, parseIp } from '../../../lib/net/ip.ts'
import { parseLladdr } from '../../../lib/net/lladdr.ts'
import { openRtnl } from '../../../lib/rtnl/native.ts'
import type { MonitorOptions, Notification, Rtnl, VxlanSpec } from '../../../lib/rtnl/port.ts'
import { type EntrySpec, packSpecs } from '../../conformance/entry-specs.ts'
import { createNetns, type Netns } from '../../support/netns.ts'
import { patience } from '../../support/patience.ts'

export interface Node extends Netns {
  readonly rtnl: Rtnl
  ip(...args: string[]): Promise<string>
  index(ifname: string): Promise<Ifindex>
  createVxlan(spec: Partial<VxlanSpec> & { local: Ip }): Promise<Ifindex>
  apply(...entries: EntrySpec[]): ReturnType<Rtnl['applyEntries']>
  /** Sends one UDP packet. */
  send(to: string): Promise<void>
  counters(ifname: string): Promise<Counters>
}

export interface Counters {
  readonly received: number
  readonly sent: number
  readonly sendErrors: number
  readonly carrierErrors: number
}

/** `dad`: IPv6 addresses go through duplicate address detection, as by default. */
export async function createNode(
  t: TestContext,
  label: string,
  options: { readonly dad?: boolean } = {},
): Promise<Node> {
  const netns = await createNetns(t, label)
  if (options.dad !== true)
    await netns.exec('sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0')
  const rtnl = openRtnl({ netns: netns.path })
  t.after(() => rtnl.close())
  const index = async (ifname: string): Promise<Ifindex> => {
    const link = (await rtnl.dumpLinks()).value.find((each) => each.ifname === ifname)
    if (link === undefined) throw new RangeError(`no link ${ifname} in ${label}`)
    return link.ifindex
  }
  return {
    ...netns,
    rtnl,
    ip: (...args) => netns.exec('ip', ...args),
    index,
    async createVxlan(spec) {
      await rtnl.createVxlan({ ...VXLAN, ...spec })
      return index(spec.ifname ?? VXLAN.ifname)
    },
    async apply(...entries) {
      const names = new Map((await rtnl.dumpLinks()).value.map((link) => [link.ifname, link.ifindex]))
      return rtnl.applyEntries(
        packSpecs(entries, (ref) => (typeof ref === 'string' ? (names.get(ref) ?? (9999 as Ifindex)) : ref)),
      )
    },
    async send(to) {
      await netns.exec('bash', '-c', `echo hello > /dev/udp/${to}/9`)
    },
    async counters(ifname) {
      const [link] = JSON.parse(await netns.exec('ip', '-json', '-s', '-s', 'link', 'show', 'dev', ifname))
      const { rx, tx } = link.stats64
      return { received: rx.packets, sent: tx.packets, sendErrors: tx.errors, carrierErrors: tx.carrier_errors }
    },
  }
}

const VXLAN = {
  ifname: 'v1',
  vni: 1,
  parent: undefined,
  lladdr: parseLladdr('0e:2a:00:00:00:01'),
  mtu: 1400,
  port: undefined,
  learning: false,
  gbp: false,
}

/** u0, up, a veth with its other end p0 in the same namespace. */
export async function addUnderlay(node: Node, ...addresses: string[]): Promise<void> {
  await node.ip('link', 'add', 'u0', 'type', 'veth', 'peer', 'name', 'p0')
  await node.ip('link', 'set', 'p0', 'up')
  await node.ip('link', 'set', 'u0', 'up')
  for (const address of addresses) await node.ip('address', 'add', address, 'dev', 'u0', ...nodad(address))
}

export interface Pair {
  readonly a: Node
  readonly b: Node
}

/** Two namespaces, joined by u0 on either side, with addresses 192.0.2.1 and .2, 2001:db8::1 and ::2. */
export async function createPair(t: TestContext): Promise<Pair> {
  const a = await createNode(t, 'a', { dad: true })
  const b = await createNode(t, 'b', { dad: true })
  await joinPair({ a, b })
  return { a, b }
}

/** Makes the link between the two, as after its deletion; `addresses` of a, those of b are always usable. */
export async function joinPair({ a, b }: Pair, addresses = ['192.0.2.1/24', '2001:db8::1/64']): Promise<void> {
  await a.ip('link', 'add', 'u0', 'type', 'veth', 'peer', 'name', 'u0', 'netns', b.name)
  for (const address of addresses) await a.ip('address', 'add', address, 'dev', 'u0', ...nodad(address))
  for (const address of ['192.0.2.2/24', '2001:db8::2/64'])
    await b.ip('address', 'add', address, 'dev', 'u0', ...nodad(address))
  await b.ip('link', 'set', 'u0', 'up')
  await a.ip('link', 'set', 'u0', 'up')
}

/** An unpinned v1 on both sides; what a sends to `peer` (an overlay address) goes to b. */
export async function joinOverlay({ a, b }: Pair, family: 'ipv4' | 'ipv6'): Promise<{ peer: string }> {
  const plan =
    family === 'ipv4'
      ? {
          locals: ['192.0.2.1', '192.0.2.2'],
          own: '10.42.1.0/32',
          subnet: '10.42.2.0/24',
          via: '10.42.2.0',
          peer: '10.42.2.7',
        }
      : {
          locals: ['2001:db8::1', '2001:db8::2'],
          own: 'fd00:1::/128',
          subnet: 'fd00:2::/64',
          via: 'fd00:2::',
          peer: 'fd00:2::7',
        }
  const [near = '', far = ''] = plan.locals
  const lladdr = '0e:2a:00:00:00:02'
  await b.createVxlan({ local: parseIp(far), lladdr: parseLladdr(lladdr) })
  await a.createVxlan({ local: parseIp(near) })
  // No address of its own, so that all that v1 counts is what the tests send.
  for (const node of [a, b]) {
    await node.ip('link', 'set', 'v1', 'addrgenmode', 'none')
    await node.ip('link', 'set', 'v1', 'up')
  }
  await a.ip('address', 'add', plan.own, 'dev', 'v1', ...nodad(plan.own))
  await a.apply(
    { neigh: plan.via, lladdr, dev: 'v1' },
    { fdb: lladdr, dst: far, dev: 'v1' },
    { route: plan.subnet, via: plan.via, dev: 'v1', onlink: true, metric: 3 },
  )
  return { peer: plan.peer }
}

/** Everything that the namespace announces from now on; `until` waits for the first that fits, some seconds at most. */
export function listen(
  t: TestContext,
  rtnl: Rtnl,
  options: Partial<MonitorOptions> = {},
): { readonly heard: readonly Notification[]; until(fits: (news: Notification) => boolean): Promise<Notification> } {
  const heard: Notification[] = []
  let wake = (): void => undefined
  const monitor = rtnl.monitor({
    groups: ['link', 'address', 'neighbour', 'route'],
    families: ['ipv4', 'ipv6'],
    ignoreOwn: false,
    ...options,
    onNotifications(notifications) {
      heard.push(...notifications)
      wake()
    },
  })
  t.after(() => monitor.close())
  return {
    heard,
    async until(fits) {
      for (;;) {
        const found = heard.find(fits)
        if (found !== undefined) return found
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(
            () => reject(new Error(`not heard among ${heard.length} notifications`)),
            patience(5000),
          )
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    },
  }
}

/** Repeats `look` until it gives something, some seconds at most. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + patience(5000)
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function nodad(address: string): string[] {
  return address.includes(':') ? ['nodad'] : []
}

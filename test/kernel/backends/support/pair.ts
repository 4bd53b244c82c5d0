/**
 * Two nodes on one underlay, each with a bridge of pods and a real agent that follows a net-conf of its own: what two of them
 * must show before, while and after their network becomes another one. Must not: use vtepd's netlink code.
 */
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type AgentProcess, createAgentFolder, startAgentProcess } from '../../../support/agent-process.ts'
import { createNetns, type Netns, type Scope } from '../../../support/netns.ts'
import { patience } from '../../../support/patience.ts'
import { startUdpFlow, type UdpFlow } from '../../../support/udp-flow.ts'

/** The longest that anything is waited for; a bound, not a measure. */
const PATIENCE_MS = patience(20_000)
const LOOK_MS = patience(100)

export type Families = readonly ('ipv4' | 'ipv6')[]

export interface Node {
  readonly netns: Netns
  readonly agent: AgentProcess
  readonly number: number
  readonly folder: string
  /** Replaces net-conf as a rename. */
  follow(backend: object, change?: object): void
  /** The same, whatever the text is. */
  write(text: string): void
  /** Ends the agent, and starts another one. */
  restart(...flags: string[]): Promise<void>
  /** What the kernel shows of the overlay: links, routes of ours, permanent neighbours and FDB entries, sorted. */
  overlay(): Promise<readonly string[]>
  /** Waits until `overlay` is this; fails with the difference. */
  shows(lines: readonly string[]): Promise<void>
}

export interface Pair {
  readonly a: Node
  readonly b: Node
  /** Both at once. */
  follow(backend: object, change?: object): void
  shows(lines: (own: number, peer: number) => readonly string[]): Promise<void>
}

export function netConf(families: Families, backend: object): object {
  return {
    Network: '10.42.0.0/16',
    IPv6Network: 'fd00:42::/48',
    EnableIPv4: families.includes('ipv4'),
    EnableIPv6: families.includes('ipv6'),
    Backend: backend,
  }
}

const LLADDR = { ipv4: '0e:00:00:00:04:0', ipv6: '0e:00:00:00:06:0' }

/** `withLladdr`: as VXLAN needs it, and host-gw does not mind it. */
export function leasesOf(families: Families, withLladdr = true): string {
  const entry = (n: number) => ({
    name: `node${n}`,
    ...(families.includes('ipv4') && {
      ipv4: {
        subnet: `10.42.${n}.0/24`,
        underlay: `192.168.1.${n}`,
        ...(withLladdr && { lladdr: `${LLADDR.ipv4}${n}` }),
      },
    }),
    ...(families.includes('ipv6') && {
      ipv6: {
        subnet: `fd00:42:0:${n}::/64`,
        underlay: `fd00:1::${n}`,
        ...(withLladdr && { lladdr: `${LLADDR.ipv6}${n}` }),
      },
    }),
  })
  return JSON.stringify([entry(1), entry(2)])
}

export async function createPair(
  test: Scope,
  options: {
    readonly families: Families
    readonly backend: object
    readonly withLladdr?: boolean
    readonly flags?: readonly string[]
  },
): Promise<Pair> {
  const t = lastFirst(test)
  const { families } = options
  const [one, two] = [await createNetns(t, 'one'), await createNetns(t, 'two')]
  await one.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', two.name)
  for (const [n, netns] of [one, two].entries()) await prepare(netns, n + 1)
  const nodes: Node[] = []
  for (const [n, netns] of [one, two].entries()) nodes.push(startNode(t, netns, n + 1, options))
  const [a, b] = nodes
  if (a === undefined || b === undefined) throw new TypeError('two nodes were made')
  await Promise.all(nodes.map(({ agent }) => agent.until('agent.ready')))
  return {
    a,
    b,
    follow(backend, change) {
      for (const node of nodes) node.follow(backend, change)
    },
    async shows(lines) {
      await Promise.all(nodes.map((node) => node.shows(lines(node.number, 3 - node.number))))
    },
  }

  function startNode(
    scope: Scope,
    netns: Netns,
    number: number,
    { backend, withLladdr = true, flags = [] }: typeof options,
  ): Node {
    const folder = createAgentFolder(netConf(families, backend))
    writeFileSync(path.join(folder.path, 'leases.json'), leasesOf(families, withLladdr))
    const file = path.join(folder.path, 'net-conf.json')
    const launch = (more: readonly string[]): AgentProcess =>
      startAgentProcess(scope, netns, `node${number}`, [
        ...folder.flags,
        `--leases=${folder.path}/leases.json`,
        '--iface=mgmt0',
        ...more,
      ])
    let agent = launch(flags)
    const node: Node = {
      netns,
      number,
      folder: folder.path,
      get agent() {
        return agent
      },
      write(text) {
        writeFileSync(`${file}.new`, text)
        renameSync(`${file}.new`, file)
      },
      follow: (next, change = {}) => node.write(JSON.stringify({ ...netConf(families, next), ...change })),
      async restart(...more) {
        agent.kill('SIGTERM')
        await agent.ended
        agent = launch(more)
      },
      overlay: () => overlayOf(netns, families),
      shows: (lines) => untilShown(node, lines),
    }
    return node
  }
}

/** An agent ends before its folder and its namespace do. */
function lastFirst(scope: Scope): Scope {
  const finishers: (() => unknown)[] = []
  scope.after(async () => {
    for (const finish of finishers.reverse()) await finish()
  })
  return { after: (finish) => void finishers.push(finish) }
}

async function prepare(netns: Netns, n: number): Promise<void> {
  const ip = (...words: string[]): Promise<string> => netns.exec('ip', ...words)
  await ip('address', 'add', `192.168.1.${n}/24`, 'dev', 'mgmt0')
  await ip('address', 'add', `fd00:1::${n}/64`, 'dev', 'mgmt0', 'nodad')
  await ip('link', 'set', 'mgmt0', 'up')
  await ip('link', 'set', 'lo', 'up')
  await ip('link', 'add', 'cni0', 'type', 'bridge')
  await ip('address', 'add', `10.42.${n}.1/24`, 'dev', 'cni0')
  await ip('address', 'add', `fd00:42:0:${n}::1/64`, 'dev', 'cni0', 'nodad')
  await ip('link', 'set', 'cni0', 'up')
}

async function overlayOf(netns: Netns, families: Families): Promise<readonly string[]> {
  const json = async (command: string, ...words: string[]): Promise<Record<string, unknown>[]> => {
    const text = await netns.exec(command, ...words)
    return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, unknown>[])
  }
  const links = await json('ip', '-j', '-d', 'link', 'show', 'type', 'vxlan')
  const lines = links.map(({ ifname, mtu, linkinfo }) => {
    const { id, port, learning, gbp } = (linkinfo as { info_data: Record<string, unknown> }).info_data
    return `link ${ifname} vni ${id} port ${port} mtu ${mtu}${learning ? ' learning' : ''}${gbp ? ' gbp' : ''}`
  })
  for (const family of families) {
    const flag = family === 'ipv4' ? '-4' : '-6'
    for (const { dst, gateway, dev, type } of await json(
      'ip',
      flag,
      '-j',
      'route',
      'show',
      'table',
      'all',
      'protocol',
      '118',
    ))
      lines.push(`route ${type ? `${type} ` : ''}${dst}${gateway ? ` via ${gateway}` : ''}${type ? '' : ` dev ${dev}`}`)
    for (const { dst, dev } of await json('ip', flag, '-j', 'neigh', 'show', 'nud', 'permanent'))
      if (String(dev).startsWith('flannel')) lines.push(`neighbour ${dst} dev ${dev}`)
  }
  for (const { dst, ifname } of await json('bridge', '-j', 'fdb', 'show'))
    if (dst !== undefined) lines.push(`fdb ${dst} dev ${ifname}`)
  return lines.sort()
}

async function untilShown(node: Node, lines: readonly string[]): Promise<void> {
  const wanted = [...lines].sort().join('\n')
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const shown = (await node.overlay()).join('\n')
    if (shown === wanted) return
    if (performance.now() > deadline) {
      const told = node.agent.lines.slice(-30).map(({ event, msg }) => `${event}: ${msg}`)
      throw new Error(`node${node.number} shows\n${shown}\nnot\n${wanted}\n${told.join('\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

/** What stands for a peer through VXLAN, and the devices. */
export function tunnelled(
  families: Families,
  peer: number,
  {
    vni = 1,
    port = 8472,
    mtu = {},
    more = '',
  }: {
    readonly vni?: number
    readonly port?: number
    readonly mtu?: { readonly ipv4?: number; readonly ipv6?: number }
    readonly more?: string
  } = {},
): readonly string[] {
  return families.flatMap((family) => {
    const dev = `${family === 'ipv4' ? 'flannel' : 'flannel-v6'}.${vni}`
    const overlay = family === 'ipv4' ? `10.42.${peer}.0` : `fd00:42:0:${peer}::`
    const [length, underlay] = family === 'ipv4' ? [24, `192.168.1.${peer}`] : [64, `fd00:1::${peer}`]
    const size = mtu[family] ?? (family === 'ipv4' ? 1450 : 1430)
    return [
      `link ${dev} vni ${vni} port ${port} mtu ${size}${more}`,
      `route ${overlay}/${length} via ${overlay} dev ${dev}`,
      `neighbour ${overlay} dev ${dev}`,
      `fdb ${underlay} dev ${dev}`,
    ]
  })
}

/** The plain route to a peer; `vni`: a device beside it (DirectRouting). */
export function direct(families: Families, peer: number, vni?: number): readonly string[] {
  return families.flatMap((family) => [
    family === 'ipv4'
      ? `route 10.42.${peer}.0/24 via 192.168.1.${peer} dev mgmt0`
      : `route fd00:42:0:${peer}::/64 via fd00:1::${peer} dev mgmt0`,
    ...(vni === undefined
      ? []
      : [
          `link ${family === 'ipv4' ? 'flannel' : 'flannel-v6'}.${vni} vni ${vni} port 8472 mtu ${family === 'ipv4' ? 1450 : 1430}`,
        ]),
  ])
}

/** From a pod's address of `a` to one of `b` and back. Resolves at the first answer. */
export function startProbe(t: Scope, { a, b }: Pair, family: 'ipv4' | 'ipv6'): Promise<UdpFlow> {
  const [source, target] = family === 'ipv4' ? ['10.42.1.1', '10.42.2.1'] : ['fd00:42:0:1::1', 'fd00:42:0:2::1']
  return startUdpFlow(t, { from: a.netns, source, to: b.netns, target })
}

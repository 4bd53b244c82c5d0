/**
 * Our node in this process, with an embedded API server that knows it: what the agent publishes comes back, and is there after a
 * restart. The interface mgmt0 has the family's usual address as DHCP or a router would give it, beside what a test adds.
 * Must not: judge.
 */
import type { ApiServer } from '../../../../lib/lab/api-server/api-server.ts'
import type { UnderlayChoice } from '../../../../lib/underlay/choice.ts'
import type { Scope } from '../../../support/netns.ts'
import { eventually, type Host, nodad, underlayPrefix } from '../../handover/support/host.ts'
import { OWN, type PeerNode, peer, US } from '../../handover/support/nodes.ts'
import { createServedHost } from '../../handover/support/served-host.ts'
import { claimOf, deviceName, type Family } from '../../healing/support/cluster.ts'
import { rows, shell } from './shell.ts'

export const PEER = peer('peer', { subnet: 20 })
const DYNAMIC = 'valid_lft 7200 preferred_lft 3600'

export interface PublishedHost {
  readonly host: Host
  readonly server: ApiServer
  /** `ip address` words that give the family's own address back. */
  readonly ownWords: string
  /** What our Node says of the family. */
  published(): string | undefined
  start(choice?: Partial<UnderlayChoice>): void
  stop(): Promise<void>
  /** Waits until the overlay lives on this address and the Node says so. */
  livesOn(address: string): Promise<void>
}

export async function createPublishedHost(
  t: Scope,
  family: Family,
  peers: readonly PeerNode[] = [PEER],
): Promise<PublishedHost> {
  const { server, host, source } = await createServedHost(t, [family], { peers })
  const own = `${underlayPrefix(family)} dev mgmt0${nodad(family)} ${DYNAMIC}`
  await host.ip(`address del ${underlayPrefix(family)} dev mgmt0`, `address add ${own}`)
  const key = family === 'ipv4' ? 'public-ip' : 'public-ipv6'
  const published = (): string | undefined =>
    server.nodes.get(US.name)?.metadata.annotations?.[`flannel.alpha.coreos.com/${key}`]
  return {
    host,
    server,
    ownWords: own,
    published,
    start: (choice = {}) => host.start({ source, choice }),
    stop: () => host.stop(),
    async livesOn(address) {
      await host.right(peers)
      let local: unknown
      for (let looks = 0; local !== address && looks < 200; looks += 1) {
        local = await localOf(host, family)
        if (local !== address) await host.events.more(host.events.lines.length, 100)
      }
      if (local !== address) throw new Error(`the device lives on ${local}, not ${address}`)
      await eventually(
        () => published() === address,
        () => `our Node says ${published()}, not ${address}`,
      )
    },
  }
}

/** The source of outer packets. */
async function localOf(host: Host, family: Family): Promise<unknown> {
  const links = (await rows(host.netns, `ip -d -j link show dev ${deviceName(family)}`)) as unknown as {
    linkinfo: { info_data: Record<string, unknown> }
  }[]
  const data = links[0]?.linkinfo.info_data
  return data?.local ?? data?.local6
}

/** Something that is mended after everything that was announced before has been looked at. */
export async function settled({ host }: PublishedHost, family: Family): Promise<void> {
  const from = host.log.length
  await shell(host.netns, `ip link set ${deviceName(family)} mtu 1390`)
  await host.said('device.effect', from, ({ fields }) => fields.effect === 'change')
  await host.right([PEER])
}

/** The address that keepalived moves about, with its length. */
export function floating(family: Family): string {
  return family === 'ipv4' ? '172.16.0.100/32' : 'fd00:1::100/128'
}

export function ownAddress(family: Family): string {
  return claimOf(family, OWN).underlay
}

/** What agents name their devices, files and locks after, read back. Pure. Must not: say what is ours. */
import type { Network } from '../cluster/network.ts'
import { carrierName } from '../device/vtep.ts'
import { FAMILIES, type Family } from '../net/ip.ts'

export interface Carrier {
  readonly family: Family
  /** undefined: host-gw, which has no device. */
  readonly vni: number | undefined
}

/** What an agent of this network keeps, by name: its devices, or with host-gw what stands for them. */
export function carriersOf(network: Network): readonly string[] {
  return FAMILIES.filter((family) => network[family] !== undefined).map((family) =>
    carrierName(family, network.backend),
  )
}

const DEVICE = /^flannel(?<v6>-v6)?\.(?<vni>0|[1-9][0-9]{0,7})$/

/** `flannel-v6.4096` → IPv6, 4096; `host-gw` → IPv4, no VNI; undefined for every other name. */
export function carrierNamed(name: string): Carrier | undefined {
  const bare = FAMILIES.find((family) => carrierName(family, { type: 'host-gw' }) === name)
  if (bare !== undefined) return { family: bare, vni: undefined }
  const { v6, vni } = DEVICE.exec(name)?.groups ?? {}
  if (vni === undefined || Number(vni) > 0xffffff) return undefined
  return { family: v6 === undefined ? 'ipv4' : 'ipv6', vni: Number(vni) }
}

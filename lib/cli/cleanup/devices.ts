/** The names under which agents keep devices and files, and back from a name to the VNI. Pure. */

import type { Backend } from '../../cluster/network.ts'
import { carrierName, deviceName } from '../../device/vtep.ts'
import type { Family } from '../../net/ip.ts'

/** Stands for host-gw where a VNI is asked for: it has files and a lock, but no device. */
export const HOST_GW = -1

export function vniOf(backend: Backend): number {
  return backend.type === 'vxlan' ? backend.vni : HOST_GW
}

/** Both families' device of one VNI; of host-gw, what its files and locks are named after. */
export function deviceNames(vni: number): readonly string[] {
  return [nameOf('ipv4', vni), nameOf('ipv6', vni)]
}

function nameOf(family: Family, vni: number): string {
  return vni === HOST_GW ? carrierName(family, { type: 'host-gw' }) : deviceName(family, vni)
}

const DEVICE = /^flannel(?<v6>-v6)?\.(?<vni>0|[1-9][0-9]{0,7})$/
/** Agents name their files after the device (`flannel.1.lladdr.json`), unfinished copies with a dot before it. */
const FILE = /^\.?(?<device>flannel(?:-v6)?\.[0-9]+|host-gw(?:-v6)?)\../

/** `flannel-v6.4096` → IPv6, 4096; undefined for every other name. */
export function deviceNamed(ifname: string): { readonly family: Family; readonly vni: number } | undefined {
  const bare = deviceNames(HOST_GW).indexOf(ifname)
  if (bare >= 0) return { family: bare === 0 ? 'ipv4' : 'ipv6', vni: HOST_GW }
  const { v6, vni } = DEVICE.exec(ifname)?.groups ?? {}
  if (vni === undefined || Number(vni) > 0xffffff) return undefined
  return { family: v6 === undefined ? 'ipv4' : 'ipv6', vni: Number(vni) }
}

/** The device after which a file of the state or run folder is named; undefined: the file is none of vtepd's. */
export function deviceOfFile(name: string): string | undefined {
  const device = FILE.exec(name)?.groups?.device
  return device === undefined || deviceNamed(device) === undefined ? undefined : device
}

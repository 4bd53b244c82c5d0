/** The names under which agents keep devices and files, and back from a name to the VNI. Pure. */

import { carrierNamed } from '../../agent/carriers.ts'
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

/** Agents name their files after the device (`flannel.1.lladdr.json`), unfinished copies with a dot before it. */
const FILE = /^\.?(?<device>flannel(?:-v6)?\.[0-9]+|host-gw(?:-v6)?)\../

/** `flannel-v6.4096` → IPv6, 4096; `host-gw` → IPv4, HOST_GW; undefined for every other name. */
export function deviceNamed(ifname: string): { readonly family: Family; readonly vni: number } | undefined {
  const carrier = carrierNamed(ifname)
  return carrier && { family: carrier.family, vni: carrier.vni ?? HOST_GW }
}

/** The device after which a file of the state or run folder is named; undefined: the file is none of vtepd's. */
export function deviceOfFile(name: string): string | undefined {
  const device = FILE.exec(name)?.groups?.device
  return device === undefined || deviceNamed(device) === undefined ? undefined : device
}

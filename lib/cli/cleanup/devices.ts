/** The names under which agents keep devices and files, and back from a name to the VNI. Pure. */

import { deviceName } from '../../device/vtep.ts'
import type { Family } from '../../net/ip.ts'

/** Both families' device of one VNI. */
export function deviceNames(vni: number): readonly string[] {
  return [deviceName('ipv4', vni), deviceName('ipv6', vni)]
}

const DEVICE = /^flannel(?<v6>-v6)?\.(?<vni>0|[1-9][0-9]{0,7})$/
/** Agents name their files after the device (`flannel.1.lladdr.json`), unfinished copies with a dot before it. */
const FILE = /^\.?(?<device>flannel(?:-v6)?\.[0-9]+)\../

/** `flannel-v6.4096` → IPv6, 4096; undefined for every other name. */
export function deviceNamed(ifname: string): { readonly family: Family; readonly vni: number } | undefined {
  const { v6, vni } = DEVICE.exec(ifname)?.groups ?? {}
  if (vni === undefined || Number(vni) > 0xffffff) return undefined
  return { family: v6 === undefined ? 'ipv4' : 'ipv6', vni: Number(vni) }
}

/** The device after which a file of the state or run folder is named; undefined: the file is none of vtepd's. */
export function deviceOfFile(name: string): string | undefined {
  const device = FILE.exec(name)?.groups?.device
  return device === undefined || deviceNamed(device) === undefined ? undefined : device
}

/** Configuration as it comes of nothing but defaults, changed where a test asks for it. */
import type { VxlanBackend } from '../../lib/cluster/network.ts'
import { parseVni } from '../../lib/net/vni.ts'
import type { UnderlayChoice } from '../../lib/underlay/choice.ts'

export function vxlanBackend(change: Partial<VxlanBackend> = {}): VxlanBackend {
  return {
    type: 'vxlan',
    vni: parseVni(1),
    port: undefined,
    mtu: undefined,
    gbp: false,
    learning: false,
    directRouting: false,
    pinDevice: false,
    ...change,
  }
}

/** `--iface=mgmt0` and nothing else, unless changed. */
export function underlayChoice(change: Partial<UnderlayChoice> = {}): UnderlayChoice {
  return {
    ifaces: ['mgmt0'],
    regexes: [],
    canReach: undefined,
    publicIp: { ipv4: undefined, ipv6: undefined },
    fallbackAfterMs: 30_000,
    ...change,
  }
}

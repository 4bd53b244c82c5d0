/** Specifications of one kind that have its attributes beside those of every link. Must not: check them (write-link.ts). */
import { asObject, refuseUnknownKeys } from '../../netlink/check.ts'
import { bridge } from './kinds/bridge.ts'
import { VXLAN_KEYS } from './kinds/vxlan.ts'
import { COMMON_KEYS } from './write-link.ts'

const OWN_KEYS = { vxlan: VXLAN_KEYS, bridge: Object.keys(bridge.fields), veth: ['peer'] }

/**
 * The specification with the kind's attributes in a place of their own. `group` is the kind's, where one has it: then a group of
 * devices can be named in the long form alone.
 */
export function flatSpec(kind: 'vxlan' | 'bridge' | 'veth', spec: unknown): object {
  const common: Record<string, unknown> = { kind }
  const own: Record<string, unknown> = {}
  const given = asObject(kind, spec)
  refuseUnknownKeys(kind, given, [...COMMON_KEYS, 'master', ...OWN_KEYS[kind]])
  for (const [key, value] of Object.entries(given)) {
    const isOwn = OWN_KEYS[kind].includes(key)
    ;(isOwn ? own : common)[key] = value
  }
  return { ...common, [kind]: own }
}

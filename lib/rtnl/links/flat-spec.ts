/** Specifications of one kind that have its attributes beside those of every link. Must not: check them (write-link.ts). */
import { asObject, refuseUnknownKeys } from '../../netlink/check.ts'
import { bridge } from './kinds/bridge.ts'
import { VXLAN_KEYS } from './kinds/vxlan.ts'
import { COMMON_KEYS } from './write-link.ts'

/**
 * The specification with the kind's attributes in a place of their own. `group` is the kind's, where one has it: a group of devices
 * can be named in the long form alone.
 */
export function flatSpec(kind: 'vxlan' | 'bridge', spec: unknown): object {
  const common: Record<string, unknown> = { kind }
  const own: Record<string, unknown> = {}
  const given = asObject(kind, spec)
  const ofKind = kind === 'vxlan' ? VXLAN_KEYS : Object.keys(bridge.fields)
  refuseUnknownKeys(kind, given, [...COMMON_KEYS, 'master', ...ofKind])
  for (const [key, value] of Object.entries(given)) {
    const isCommon = key !== 'group' && COMMON_KEYS.includes(key)
    ;(isCommon || key === 'master' ? common : own)[key] = value
  }
  return { ...common, [kind]: own }
}

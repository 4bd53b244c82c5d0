/** Specifications of one kind that have its attributes beside those of every link. Must not: check them (write-link.ts). */
import { asObject } from '../check.ts'
import { COMMON_KEYS } from './write-link.ts'

/**
 * The specification with the kind's attributes in a place of their own. `group` is the kind's, where one has it: a group of devices
 * can be named in the long form alone.
 */
export function flatSpec(kind: 'vxlan' | 'bridge', field: string, spec: unknown): object {
  const common: Record<string, unknown> = { kind }
  const own: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(asObject(field, spec))) {
    const isCommon = key !== 'group' && COMMON_KEYS.includes(key)
    ;(isCommon || key === 'master' ? common : own)[key] = value
  }
  return { ...common, [kind]: own }
}

/**
 * A fresh look at all that one family keeps beside what it should be: tables, device, packet filter rules, settings of the host.
 * Must not: write, nor let one part that cannot be looked at hide the others.
 */
import type { CommandDifference } from '../firewall/port.ts'
import type { Family } from '../net/ip.ts'
import { messageOf } from '../util/message-of.ts'
import type { Member } from './member.ts'
import type { TableDifference } from './table-difference.ts'

export interface FamilyDifference {
  readonly family: Family
  /** undefined: there is nothing to compare with yet. */
  readonly tables: TableDifference | undefined
  readonly device: CommandDifference
  /** null: no rules are kept. */
  readonly filter: CommandDifference | null
  /** Sysctls. */
  readonly settings: CommandDifference
}

export async function compareFamily(
  { overlay, filter, allow }: Pick<Member, 'overlay' | 'filter' | 'allow'>,
  compareSettings: (family: Family) => Promise<CommandDifference>,
): Promise<FamilyDifference> {
  const [tables, device, rules, guard, settings] = await Promise.all([
    overlay.compare(),
    overlay.compareDevice().catch(unknown),
    filter?.compare().then((found) => found ?? NOT_YET, unknown),
    allow?.compare().catch(unknown),
    compareSettings(overlay.family).catch(unknown),
  ])
  return { family: overlay.family, tables, device, filter: together(rules, guard), settings }
}

/** Our rules, and who may reach the VXLAN port. */
function together(...parts: readonly (CommandDifference | undefined)[]): CommandDifference | null {
  const known = parts.filter((part) => part !== undefined)
  if (known.length === 0) return null
  const unknowns = known.flatMap((part) => part.unknown ?? [])
  return {
    commands: known.flatMap(({ commands }) => commands),
    unknown: unknowns.length === 0 ? null : unknowns.join('; '),
  }
}

const NOT_YET: CommandDifference = { commands: [], unknown: 'which rules are wanted is not known yet' }

function unknown(error: unknown): CommandDifference {
  return { commands: [], unknown: messageOf(error) }
}

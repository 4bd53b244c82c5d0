/**
 * Hears that our chains of iptables, or those that lead to them, may have changed. iptables-nft is heard as nftables is. Legacy
 * iptables tells nobody and gives its rules only as whole tables: the sizes of two tables are asked for each second (30 µs,
 * whatever they hold), and once a minute damage is assumed, which a change that leaves all sizes alone may have done.
 * Must not: read a rule, nor create a table of legacy iptables by asking for it.
 */

import { AF_INET, AF_INET6 } from '../addon/abi.ts'
import type { Family } from '../net/ip.ts'
import type { OpenNftMonitor } from '../rtnl/nft-monitor.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { LEGACY_TABLES, type LegacyTables } from './iptables-variant.ts'
import { createNftEars } from './nft-ears.ts'
import type { FilterNote } from './port.ts'

/** Of tables of legacy iptables that exist: twelve numbers each, which change with nearly every change of theirs. `family`: AF_*. */
export type ReadSizes = (
  family: number,
  tables: readonly string[],
) => Promise<{ readonly errno: number; readonly sizes: Uint32Array }>

export interface IptablesEarsParts {
  readonly family: Family
  readonly clock: Clock
  readonly openMonitor: OpenNftMonitor
  readonly readSizes: ReadSizes
  readonly tables: LegacyTables
  readonly onDamage: () => void
}

export interface IptablesEars {
  readonly notes: readonly FilterNote[]
  close(): void
}

const WATCHED = [
  ['nat', 'POSTROUTING'],
  ['nat', 'FLANNEL-POSTRTG'],
  ['filter', 'FORWARD'],
  ['filter', 'FLANNEL-FWD'],
] as const
const LOOK_MS = 1_000
const LOOKS_TO_AUDIT = 60

export function createIptablesEars(parts: IptablesEarsParts): IptablesEars {
  const { family, clock, openMonitor, onDamage } = parts
  const watched = WATCHED.map(([table, chain]) => ({ family, table, chain }))
  const nft = createNftEars({ open: openMonitor, watched, clock, onDamage })
  const closeLegacy = hearLegacy(parts)
  return {
    get notes() {
      return nft.notes
    },
    close() {
      nft.close()
      closeLegacy()
    },
  }
}

function hearLegacy({ family, clock, readSizes, tables, onDamage }: IptablesEarsParts): () => void {
  let isClosed = false
  let timer: Timer | undefined
  let before: string | undefined
  let looks = 0
  // A refusal is a value like any other: it is told when it begins and when it ends.
  const sizesOf = async (existing: readonly string[]): Promise<string> => {
    if (existing.length === 0) return ''
    const { errno, sizes } = await readSizes(family === 'ipv4' ? AF_INET : AF_INET6, existing)
    return `${existing} ${errno} ${sizes}`
  }
  const look = async (): Promise<void> => {
    const existing = (await tables(family)).filter((table) => LEGACY_TABLES.includes(table))
    const seen = await sizesOf(existing)
    if (isClosed) return
    looks += 1
    const isDue = existing.length > 0 && looks % LOOKS_TO_AUDIT === 0
    if ((before !== undefined && seen !== before) || isDue) onDamage()
    before = seen
    timer = clock.after(LOOK_MS, () => void look())
  }
  void look()
  return () => {
    isClosed = true
    timer?.cancel()
  }
}

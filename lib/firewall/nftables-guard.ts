/**
 * Keeps the table of vxlan-allow.ts in nftables: whole where it is not as it should be, else only the addresses that differ.
 * Must not: touch another table, nor take the failure of a question for an answer.
 */
import { createNftEars, type NftEars } from './nft-ears.ts'
import { createNftTool, failureOf, type NftFailure } from './nft-tool.ts'
import type { NftablesParts } from './nftables.ts'
import { NFT_FAMILY } from './render-nftables.ts'
import {
  type GuardListing,
  guardCommands,
  guardFrame,
  parseGuard,
  renderGuard,
  VXLAN_TABLE,
  type VxlanGuard,
} from './vxlan-allow.ts'

export function createNftablesGuard({ family, run, openMonitor, clock }: NftablesParts): VxlanGuard {
  const nft = createNftTool(run)
  const table = `${NFT_FAMILY[family]} ${VXLAN_TABLE}`
  let ears: NftEars | undefined
  /** What the set holds, as far as is known; undefined: the table may not be there. */
  let standing: Set<string> | undefined

  const list = async (): Promise<GuardListing | NftFailure | undefined> => {
    const answer = await nft.list(['list', 'table', ...table.split(' ')])
    if (answer.outcome === 'done') return parseGuard(family, answer.stdout)
    return answer.outcome === 'absent' ? undefined : failureOf(answer, false)
  }
  return {
    async ensure(wanted) {
      const there = await list()
      if (there !== undefined && 'outcome' in there) return there
      const result = { notes: ears?.notes ?? [] }
      if (there === undefined && wanted.atLeast) return { outcome: 'right', ...result }
      const before = there?.allowed ?? new Set()
      const allowed: ReadonlySet<string> = new Set([...wanted.allowed, ...(wanted.atLeast ? before : [])])
      const isFramed = there?.frame.join('\n') === guardFrame(family, wanted.port).join('\n')
      const added = [...allowed].filter((ip) => !before.has(ip))
      const removed = [...before].filter((ip) => !allowed.has(ip))
      if (isFramed && added.length + removed.length === 0) {
        standing = new Set(allowed)
        return { outcome: 'right', ...result }
      }
      const text = isFramed
        ? element('add', table, added) + element('delete', table, removed)
        : `add table ${table}\ndelete table ${table}\n${renderGuard(family, wanted.port, allowed)}`
      const answer = await nft.run(['-f', '-'], text)
      standing = answer.outcome === 'done' ? new Set(allowed) : undefined
      if (answer.outcome !== 'done') return failureOf(answer, true)
      const what = isFramed ? `${added.length} addresses added, ${removed.length} removed` : 'it was not as wanted'
      return { outcome: 'written', because: `table ${table}: ${what}`, ...result }
    },
    async extend(ips) {
      const before = standing
      if (before === undefined) return
      const added = [...ips].filter((ip) => !before.has(ip))
      if (added.length === 0) return
      const answer = await nft.run(['-f', '-'], element('add', table, added))
      if (answer.outcome === 'done') for (const ip of added) before.add(ip)
    },
    async remove({ dryRun } = { dryRun: false }) {
      const there = await list()
      if (there === undefined) return { outcome: 'right', notes: [] }
      if ('outcome' in there) return there
      const because = `the table ${table} was there`
      if (dryRun) return { outcome: 'written', because, notes: [] }
      standing = undefined
      const answer = await nft.run(['delete', 'table', ...table.split(' ')])
      if (answer.outcome !== 'done' && (await list()) !== undefined) return failureOf(answer, true)
      return { outcome: 'written', because, notes: [] }
    },
    async compare(wanted) {
      const there = await list()
      if (there !== undefined && 'outcome' in there) return { commands: [], unknown: there.because }
      if (there === undefined && wanted.atLeast) return { commands: [], unknown: null }
      const isFramed = there?.frame.join('\n') === guardFrame(family, wanted.port).join('\n')
      const anew = there === undefined ? [] : [`nft delete table ${table}`]
      const frame = isFramed ? [] : [...anew, ...guardCommands(family, wanted.port)]
      const before: ReadonlySet<string> = isFramed && there !== undefined ? there.allowed : new Set<string>()
      const allowed: ReadonlySet<string> = wanted.allowed
      const added = [...allowed].filter((ip) => !before.has(ip))
      const removed = wanted.atLeast ? [] : [...before].filter((ip) => !allowed.has(ip))
      const commands = [...frame, ...elements('add', table, added), ...elements('delete', table, removed)]
      return { commands, unknown: null }
    },
    watch(onDamage) {
      ears ??= createNftEars({ open: openMonitor, watched: [{ family, table: VXLAN_TABLE }], clock, onDamage })
    },
    async close() {
      ears?.close()
    },
  }
}

const A_LINE = 50
const MOST_LINES = 100

function elements(verb: 'add' | 'delete', table: string, ips: readonly string[]): readonly string[] {
  const lines = Array.from({ length: Math.ceil(ips.length / A_LINE) }, (_, i) =>
    ips.slice(i * A_LINE, (i + 1) * A_LINE),
  )
  return lines.slice(0, MOST_LINES).map((line) => `nft ${verb} element ${table} peers '{ ${line.join(', ')} }'`)
}

function element(verb: 'add' | 'delete', table: string, ips: readonly string[]): string {
  return ips.length === 0 ? '' : `${verb} element ${table} peers { ${ips.join(', ')} }\n`
}

/**
 * The packet filter in nftables: one table of our own for each family, with flannel's names, written by nft(8) in one
 * transaction. Must not: touch another table, nor take the failure of a question for an answer.
 */
import type { RunProgram } from '../host/exec.ts'
import type { Family } from '../net/ip.ts'
import type { OpenNftMonitor } from '../rtnl/nft-monitor.ts'
import type { Clock } from '../util/clock.ts'
import { nftDifference } from './nft-difference.ts'
import { createNftEars, type NftEars } from './nft-ears.ts'
import { asEchoed, canKeepChains, differenceOf, isAsWritten, type NftListing, parseNftListing } from './nft-table.ts'
import { createNftTool, failureOf, type NftAnswer, type NftFailure } from './nft-tool.ts'
import type { FilterNote, FilterResult, PacketFilter, WantedRules } from './port.ts'
import { NFT_FAMILY, NFT_TABLE, type NftChain, renderNftChains, renderNftTable } from './render-nftables.ts'

const WITHOUT_RANDOM: FilterNote = {
  key: 'filter.not-fully-random',
  text: 'this nft or kernel does not know fully-random: two connections may claim the same masqueraded port at once, and one loses its first packet',
}

export interface NftablesParts {
  readonly family: Family
  readonly run: RunProgram
  readonly openMonitor: OpenNftMonitor
  readonly clock: Clock
}

/** How nft is given what it writes. */
type WriteMode = readonly string[]
const WRITE: WriteMode = ['-f', '-']
/** It also tells what it wrote, as it prints it; for that it reads every rule there is (80,000: 3 s, 360 MB). */
const WRITE_AND_TELL: WriteMode = ['--echo', ...WRITE]

export function createNftables({ family, run, openMonitor, clock }: NftablesParts): PacketFilter {
  const nft = createNftTool(run)
  const table = `${NFT_FAMILY[family]} ${NFT_TABLE[family]}`
  let ears: NftEars | undefined
  /** undefined: not known yet. */
  let knowsRandom: boolean | undefined
  /** How this nft prints what was written last. */
  let printed: { readonly of: string; readonly chains: readonly NftChain[] } | undefined

  /** undefined: there is no such table. */
  const list = async (): Promise<NftListing | NftFailure | undefined> => {
    const answer = await nft.list(['list', 'table', ...table.split(' ')])
    if (answer.outcome === 'done') return parseNftListing(answer.stdout)
    if (answer.outcome !== 'absent') return failureOf(answer, false)
    return undefined
  }
  const chainsOf = (wanted: WantedRules): readonly NftChain[] =>
    renderNftChains({ ...wanted, fullyRandom: wanted.fullyRandom && knowsRandom !== false })
  const isRight = (listing: NftListing, chains: readonly NftChain[]): boolean =>
    isAsWritten(listing, chains) ||
    (printed?.of === renderNftTable(family, chains) && isAsWritten(listing, printed.chains))
  const probeRandom = async (): Promise<void> => {
    const check = (flags: string): Promise<NftAnswer> =>
      nft.run(['--check', '-f', '-'], probeText(NFT_FAMILY[family], flags))
    if ((await check(' fully-random')).outcome === 'done') knowsRandom = true
    else if ((await check('')).outcome === 'done') knowsRandom = false
  }
  const write = async (
    there: NftListing | undefined,
    chains: readonly NftChain[],
    mode: WriteMode,
  ): Promise<NftAnswer> => {
    const whole = renderNftTable(family, chains)
    if (there !== undefined && canKeepChains(there, chains)) {
      // In place: one chain is looked through in one generation of rules, so no packet meets half of it.
      const rules = chains.flatMap(({ name, rules }) => rules.map((rule) => `add rule ${table} ${name} ${rule}\n`))
      const answer = await nft.run(mode, `flush table ${table}\n${rules.join('')}`)
      if (answer.outcome === 'done') return answer
    }
    return nft.run(mode, `add table ${table}\ndelete table ${table}\n${whole}`)
  }
  const remove = async (dryRun = false): Promise<FilterResult> => {
    const there = await list()
    if (there === undefined) return { outcome: 'right', notes: [] }
    if ('outcome' in there) return there
    const because = `the table ${table} was there`
    if (dryRun) return { outcome: 'written', because, notes: [] }
    const answer = await nft.run(['delete', 'table', ...table.split(' ')])
    // Somebody else may have been quicker.
    if (answer.outcome !== 'done' && (await list()) !== undefined) return failureOf(answer, true)
    return { outcome: 'written', because, notes: [] }
  }

  return {
    kind: 'nftables',
    remove: (options) => remove(options?.dryRun),
    async compare(wanted) {
      const there = await list()
      if (there !== undefined && 'outcome' in there) return { commands: [], unknown: there.because }
      if (!wanted.masquerade && !wanted.forward)
        return { commands: there === undefined ? [] : [`nft delete table ${table}`], unknown: null }
      const chains = chainsOf(wanted)
      if (there !== undefined && isRight(there, chains)) return { commands: [], unknown: null }
      const listed = await nft.list(['-a', 'list', 'table', ...table.split(' ')])
      const isPrinted = printed?.of === renderNftTable(family, chains)
      const text = listed.outcome === 'done' ? listed.stdout : undefined
      const wish = (isPrinted && printed?.chains) || chains
      const commands = there !== undefined && there.others.length > 0 ? [] : nftDifference(table, text, wish)
      // What is neither chain nor rule goes with the table.
      const anew = [`nft delete table ${table}`, ...nftDifference(table, undefined, wish)]
      return { commands: commands.length > 0 ? commands : anew, unknown: null }
    },
    async ensure(wanted) {
      if (!wanted.masquerade && !wanted.forward) return remove()
      const there = await list()
      if (there !== undefined && 'outcome' in there) return there
      const notes = (): readonly FilterNote[] => [
        ...(ears?.notes ?? []),
        ...(wanted.fullyRandom && wanted.masquerade && knowsRandom === false ? [WITHOUT_RANDOM] : []),
      ]
      let chains = chainsOf(wanted)
      if (there !== undefined && isRight(there, chains)) return { outcome: 'right', notes: notes() }
      if (knowsRandom === undefined && wanted.fullyRandom && wanted.masquerade) {
        await probeRandom()
        chains = chainsOf(wanted)
        if (there !== undefined && isRight(there, chains)) return { outcome: 'right', notes: notes() }
      }
      const because =
        there === undefined ? `there was no table ${table}` : `table ${table}: ${differenceOf(there, chains)}`
      let now = there
      // This nft may print rules otherwise than it was given them: only where they do not look right does it have to tell how.
      for (const mode of [WRITE, WRITE_AND_TELL]) {
        const answer = await write(now, chains, mode)
        if (answer.outcome !== 'done') return failureOf(answer, true)
        const echoed = mode === WRITE ? undefined : asEchoed(answer.stdout, chains)
        printed = echoed === undefined ? printed : { of: renderNftTable(family, chains), chains: echoed }
        const seen = await list()
        if (seen !== undefined && 'outcome' in seen) return seen
        now = seen
        if (now !== undefined && isRight(now, chains)) break
      }
      if (now === undefined || !isRight(now, chains))
        return { outcome: 'failed', because: `the table ${table} was undone as soon as it was written`, missing: true }
      return { outcome: 'written', because, notes: notes() }
    },
    watch(onDamage) {
      const watched = [{ family, table: NFT_TABLE[family] }]
      ears ??= createNftEars({ open: openMonitor, watched, clock, onDamage })
    },
    async close() {
      ears?.close()
    },
  }
}

function probeText(family: 'ip' | 'ip6', flags: string): string {
  return `table ${family} vtepd-probe {\n\tchain masqueradeTest {\n\t\ttype nat hook postrouting priority 100;\n\t\tmasquerade${flags}\n\t}\n}\n`
}

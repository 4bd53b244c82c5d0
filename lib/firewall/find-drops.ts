/**
 * Looks who drops what our rules accept, and says it: reads the hooks, has them judged, and asks nft for the words of the rule. Must
 * not: change anything.
 */

import type { Ip } from '../net/ip.ts'
import { notesOf } from './drop-sentence.ts'
import { type ChainParts, readBaseChains } from './foreign-chains.ts'
import {
  type BaseChain,
  type ForeignDrop,
  findDrops,
  findDropsTo,
  findTranslation,
  type OverlayTraffic,
} from './foreign-drop.ts'
import type { FindForeignDrops } from './port.ts'

export type DropFinderParts = ChainParts & Pick<OverlayTraffic, 'device' | 'vxlanPort'>

export function createDropFinder(parts: DropFinderParts): FindForeignDrops {
  return async ({ network, subnet }) => {
    const traffic = { network, subnet, device: parts.device, vxlanPort: parts.vxlanPort }
    const found = await dropsIn(await readBaseChains(parts), parts, (bases) => findDrops(bases, traffic))
    return found && notesOf(found.drops, traffic)
  }
}

/** What the packets of one way meet in the packet filter. */
export interface FilterWay {
  /** The chains that are met, in words, by hook. */
  readonly met: readonly string[]
  readonly drops: readonly ForeignDrop[]
  /** Where the source address is certainly exchanged; undefined: nowhere that is known. */
  readonly translated: Pick<ForeignDrop, 'base' | 'place'> | undefined
}

/** Of what pods of this node and `pod`, of another node, send to each other. undefined: nft could not be asked. */
export async function lookAtFilterWay(
  parts: DropFinderParts,
  traffic: OverlayTraffic,
  pod: Ip,
): Promise<FilterWay | undefined> {
  const [filters, nats] = await Promise.all([readBaseChains(parts, 'filter', true), readBaseChains(parts, 'nat', true)])
  const found = await dropsIn(filters, parts, (bases) => findDropsTo(bases, traffic, pod))
  if (found === undefined || nats === undefined) return undefined
  const met = [...found.bases, ...nats].map(({ hook, program, family, table, name }) =>
    program === 'nft' ? `${hook}: ${family} ${table} ${name}` : `${hook}: ${program} -t ${table} ${name}`,
  )
  return { met, drops: found.drops, translated: findTranslation(nats, traffic, pod) }
}

async function dropsIn(
  all: readonly BaseChain[] | undefined,
  parts: DropFinderParts,
  find: (bases: readonly BaseChain[]) => readonly ForeignDrop[],
): Promise<{ readonly bases: readonly BaseChain[]; readonly drops: readonly ForeignDrop[] } | undefined> {
  let bases = all
  for (;;) {
    if (bases === undefined) return undefined
    const drops = find(bases)
    const dormant = await dormantOf(drops, parts)
    if (dormant.length === 0) return { bases, drops: await Promise.all(drops.map((drop) => inWords(drop, parts))) }
    bases = bases.filter((base) => !dormant.includes(tableOf(base)))
  }
}

/** Tables that are switched off as a whole, which a list of chains does not say. */
async function dormantOf(drops: readonly ForeignDrop[], { run }: DropFinderParts): Promise<readonly string[]> {
  const dormant: string[] = []
  for (const table of new Set(drops.filter(({ base }) => base.program === 'nft').map(({ base }) => tableOf(base)))) {
    const listed = await run('nft', ['-t', 'list', 'table', ...table.split(' ')], { largestOutputBytes: 1 << 20 })
    if (listed.outcome === 'exited' && /^\tflags .*\bdormant\b/m.test(listed.stdout)) dormant.push(table)
  }
  return dormant
}

function tableOf({ family, table }: ForeignDrop['base']): string {
  return `${family} ${table}`
}

/** With the rule as nft shows it, where it was read by its number. */
async function inWords(drop: ForeignDrop, { run }: DropFinderParts): Promise<ForeignDrop> {
  const { base, place } = drop
  const { rule, chain } = place
  if (rule?.handle === undefined) return drop
  const listed = await run('nft', ['-a', 'list', 'chain', base.family, base.table, chain.name], {
    largestOutputBytes: 1 << 20,
  })
  const line =
    listed.outcome === 'exited' ? new RegExp(`^\\s*(.*) # handle ${rule.handle}$`, 'm').exec(listed.stdout) : null
  return line === null ? drop : { ...drop, place: { chain, rule: { ...rule, text: line[1] ?? rule.text } } }
}

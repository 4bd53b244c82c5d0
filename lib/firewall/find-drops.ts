/**
 * Looks who drops what our rules accept, and says it: reads the hooks, has them judged, and asks nft for the words of the rule. Must
 * not: change anything.
 */

import { notesOf } from './drop-sentence.ts'
import { type ChainParts, readBaseChains } from './foreign-chains.ts'
import { type ForeignDrop, findDrops, type OverlayTraffic } from './foreign-drop.ts'
import type { FindForeignDrops } from './port.ts'

export type DropFinderParts = ChainParts & Pick<OverlayTraffic, 'device' | 'vxlanPort'>

export function createDropFinder(parts: DropFinderParts): FindForeignDrops {
  return async ({ network, subnet }) => {
    const traffic = { network, subnet, device: parts.device, vxlanPort: parts.vxlanPort }
    let bases = await readBaseChains(parts)
    for (;;) {
      if (bases === undefined) return undefined
      const drops = findDrops(bases, traffic)
      const dormant = await dormantOf(drops, parts)
      if (dormant.length === 0) return notesOf(await Promise.all(drops.map((drop) => inWords(drop, parts))), traffic)
      bases = bases.filter((base) => !dormant.includes(tableOf(base)))
    }
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

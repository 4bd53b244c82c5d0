/** What the packet filter does with this way, as hops: the chains that are met, who drops, who gives another source. Pure. */
import { placeOf, remedyOf } from '../../firewall/drop-sentence.ts'
import type { FilterWay } from '../../firewall/find-drops.ts'
import type { OverlayTraffic } from '../../firewall/foreign-drop.ts'
import { ends, flaw, type Hop, passes } from './hop.ts'

const NAME = 'packet filter'

/** undefined: it could not be asked. */
export function filterHops(way: FilterWay | undefined, traffic: OverlayTraffic): readonly Hop[] {
  if (way === undefined)
    return [flaw(NAME, 'could not be asked: nft does not answer', 'run it as root: nft list ruleset')]
  const { met, drops, translated } = way
  const dropped = drops.map((drop) => ends(NAME, `${placeOf(drop)} drops ${drop.what}`, remedyOf(drop, traffic)))
  const exchanged = translated
    ? [
        flaw(
          'source address',
          `${placeOf(translated)} gives packets between pods another source address`,
          `put a rule before it that returns what goes from ${traffic.network} to ${traffic.network}`,
        ),
      ]
    : []
  if (dropped.length + exchanged.length > 0) return [...dropped, ...exchanged]
  const chains =
    met.length === 0 ? 'no chains' : `${met.length} ${met.length === 1 ? 'chain' : 'chains'} (${list(met)})`
  return [passes(NAME, `${chains}; none is known to drop, or to exchange the source address`)]
}

function list(met: readonly string[]): string {
  const MOST = 6
  return met.length <= MOST ? met.join(', ') : `${met.slice(0, MOST).join(', ')}, …`
}

/** A foreign drop in words: which chain, by what, and the command that lets the packets through. Pure. */
import type { BaseChain, ForeignDrop, OverlayTraffic } from './foreign-drop.ts'
import type { FilterNote } from './port.ts'

/** One note for what pods send and one for VXLAN; places that drop several kinds of packets are named once. */
export function notesOf(drops: readonly ForeignDrop[], traffic: OverlayTraffic): readonly FilterNote[] {
  return (['pods', 'vxlan'] as const).flatMap((kind) => {
    const groups = new Map<string, ForeignDrop[]>()
    for (const drop of drops.filter((one) => one.traffic === kind)) {
      const place = placeOf(drop)
      groups.set(place, [...(groups.get(place) ?? []), drop])
    }
    if (groups.size === 0) return []
    const sentences = [...groups].map(([place, [first, ...more]]) => {
      const whats = [first, ...more].flatMap((drop) => (drop === undefined ? [] : [drop.what]))
      return `${place} drops ${listOf(whats)}${first === undefined ? '' : `; ${remedyOf(first, traffic)}`}`
    })
    return [{ key: kind === 'pods' ? 'filter.pods-dropped' : 'filter.vxlan-dropped', text: sentences.join('. ') }]
  })
}

/** Which chain, by which rule: the subject of a sentence. */
export function placeOf({ base, place }: Pick<ForeignDrop, 'base' | 'place'>): string {
  const { program, family, table } = base
  const where = program === 'nft' ? `table ${family} ${table} of nftables` : `table ${table} of ${program}`
  const by = place.rule === undefined ? 'by its policy' : `by its rule "${place.rule.text}"`
  const via = place.chain.name === base.name ? '' : `, reached from ${base.name}`
  return `the chain ${place.chain.name} in ${where}${via}, ${by}`
}

function listOf(whats: readonly string[]): string {
  return whats.length < 2 ? (whats[0] ?? '') : `${whats.slice(0, -1).join(', ')} and ${whats.at(-1)}`
}

/** The commands that let the packets through. */
export function remedyOf(drop: ForeignDrop, traffic: OverlayTraffic): string {
  const { base } = drop
  const port = traffic.vxlanPort ?? 0
  if (base.table === 'firewalld') {
    const what = drop.traffic === 'vxlan' ? `--add-port=${port}/udp` : `--zone=trusted --add-source=${traffic.network}`
    return `firewall-cmd --permanent ${what} && firewall-cmd --reload`
  }
  if ([...base.chains.keys()].some((name) => /^ufw6?-/.test(name)))
    return drop.traffic === 'vxlan'
      ? `ufw allow ${port}/udp`
      : `ufw route allow from ${traffic.network} && ufw route allow to ${traffic.network}`
  return base.program === 'nft' ? nftRemedy(drop, traffic) : iptablesRemedy(drop, traffic)
}

function nftRemedy({ base, place, traffic: kind }: ForeignDrop, { network, vxlanPort }: OverlayTraffic): string {
  const chain = `${base.family} ${base.table} ${place.chain.name}`
  const verb =
    place.rule?.handle === undefined ? `add rule ${chain}` : `insert rule ${chain} position ${place.rule.handle}`
  const ip = network.includes(':') ? 'ip6' : 'ip'
  const rules =
    kind === 'vxlan'
      ? [`udp dport ${vxlanPort} accept`]
      : [`${ip} saddr ${network} accept`, `${ip} daddr ${network} accept`]
  return `${rules.map((rule) => `nft ${verb} ${rule}`).join('; ')} (and in the file that it is loaded from)`
}

function iptablesRemedy({ base, place, traffic: kind }: ForeignDrop, { network, vxlanPort }: OverlayTraffic): string {
  if (kind === 'vxlan') return `${base.program} -I ${placeIn(base, place)} -p udp --dport ${vxlanPort} -j ACCEPT`
  const isDocker = base.chains.has('DOCKER-USER')
  const chain = isDocker ? 'DOCKER-USER' : placeIn(base, place)
  const verb = !isDocker && place.rule === undefined ? '-A' : '-I'
  const rules = ['-s', '-d'].map(
    (option) => `${base.program} -t ${base.table} ${verb} ${chain} ${option} ${network} -j ACCEPT`,
  )
  const own =
    base.hook === 'forward' && base.table === 'filter'
      ? 'run vtepd with --firewall=iptables, whose rules stand in that chain, or '
      : ''
  return `${own}${rules.join('; ')}`
}

function placeIn(base: BaseChain, { chain, rule }: ForeignDrop['place']): string {
  const at = rule === undefined || chain.name !== base.name ? -1 : chain.rules.indexOf(rule)
  return at <= 0 ? chain.name : `${chain.name} ${at + 1}`
}

/**
 * The table that lets only known underlay addresses reach the VXLAN port: its text for nft, and what `nft list table` says of
 * it. Pure. Must not: say whose addresses are known (lib/agent), nor how the table gets into the kernel.
 */
import { type Family, type Ip, parseIpOf } from '../net/ip.ts'
import type { CommandDifference, FilterResult } from './port.ts'
import { NFT_FAMILY } from './render-nftables.ts'

/** Of both families; no name of flannel's, which has nothing like it. */
export const VXLAN_TABLE = 'vtepd-vxlan'

export interface WantedGuard {
  /** UDP, host byte order. Whatever comes to it locally from an address that is not allowed is dropped, whatever its VNI. */
  readonly port: number
  readonly allowed: ReadonlySet<Ip>
  /** More may be known than is told: what is allowed stays so, and where there is no table none is made. */
  readonly atLeast: boolean
}

/** One family's table, as PacketFilter is one family's rules; the same promises hold. */
export interface VxlanGuard {
  /** Exactly these, in one step. */
  ensure(wanted: WantedGuard): Promise<FilterResult>
  /** These too, in a table that is known to stand; elsewhere nothing. Never takes an address away. */
  extend(ips: Iterable<Ip>): Promise<void>
  remove(options?: { readonly dryRun: boolean }): Promise<FilterResult>
  /** A fresh look beside what is wanted; writes nothing. */
  compare(wanted: WantedGuard): Promise<CommandDifference>
  watch(onDamage: () => void): void
  close(): Promise<void>
}

export interface GuardListing {
  /** Everything but the elements, one line each, to be compared with `guardFrame`. */
  readonly frame: readonly string[]
  readonly allowed: ReadonlySet<string>
}

/** The whole table as commands, without its elements. */
export function guardCommands(family: Family, port: number): readonly string[] {
  const table = `${NFT_FAMILY[family]} ${VXLAN_TABLE}`
  const [type, hook, rule] = [
    `type ${family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr'};`,
    'type filter hook input priority filter - 10; policy accept;',
    `udp dport ${port} ${NFT_FAMILY[family]} saddr != @peers drop`,
  ]
  return [
    `nft add table ${table}`,
    `nft add set ${table} peers '{ ${type} }'`,
    `nft add chain ${table} input '{ ${hook} }'`,
    `nft add rule ${table} input '${rule}'`,
  ]
}

const COMMENT = 'known VTEPs alone reach the VXLAN port'

/** The whole table. */
export function renderGuard(family: Family, port: number, allowed: ReadonlySet<string>): string {
  const elements = allowed.size === 0 ? [] : [`\t\telements = { ${[...allowed].join(', ')} }`]
  const lines = [...frameLines(family, port)]
  lines.splice(lines.indexOf('\t}'), 0, ...elements)
  return `table ${NFT_FAMILY[family]} ${VXLAN_TABLE} {\n${lines.join('\n')}\n}\n`
}

export function guardFrame(family: Family, port: number): readonly string[] {
  return parseGuard(family, `table x y {\n${frameLines(family, port).join('\n')}\n}\n`).frame
}

/** What is no address of the family stays in the frame, which then is not as wanted. */
export function parseGuard(family: Family, text: string): GuardListing {
  const allowed = new Set<string>()
  // nft breaks the line after every few elements.
  const frame = text.replace(/elements = \{([^}]*)\}/, (whole, elements: string) => {
    const texts = elements.split(',').map((element) => element.trim())
    try {
      for (const each of texts) allowed.add(parseIpOf(family, each))
      return ''
    } catch {
      return whole
    }
  })
  const lines = frame.split('\n').map((line) => line.trim().replace(' priority -10;', ' priority filter - 10;'))
  return { frame: lines.slice(1).filter((line) => line !== '' && !line.startsWith('comment ')), allowed }
}

// Behind nobody's accept: a drop is final. `input` sees what is for this host alone, and whole, not in fragments.
function frameLines(family: Family, port: number): readonly string[] {
  return [
    '\tset peers {',
    `\t\ttype ${family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr'}`,
    `\t\tcomment "${COMMENT}"`,
    '\t}',
    '\tchain input {',
    '\t\ttype filter hook input priority filter - 10; policy accept;',
    `\t\tudp dport ${port} ${NFT_FAMILY[family]} saddr != @peers drop`,
    '\t}',
  ]
}

/** Entries as scenarios write them: links by name, text for addresses, defaults as vtepd uses them. */

import { NTF_SELF, NUD_PERMANENT, RTN_UNICAST, RTPROT_VTEPD } from '../../lib/addon/abi.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import type { Ifindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { createEntryWriter, type Entry, type EntryOp, type EntryTable } from '../../lib/rtnl/entries.ts'

export type EntrySpec = NeighbourSpec | FdbSpec | RouteSpec

interface Common {
  readonly op?: EntryOp
}

export interface NeighbourSpec extends Common {
  readonly neigh: string
  readonly lladdr?: string
  readonly dev: string | Ifindex
  readonly protocol?: number
}

export interface FdbSpec extends Common {
  readonly fdb: string
  readonly dst?: string
  readonly dev: string | Ifindex
}

export interface RouteSpec extends Common {
  readonly route: string
  readonly via?: string
  readonly dev?: string | Ifindex
  readonly metric?: number
  readonly protocol?: number
  readonly onlink?: boolean
  readonly type?: number
  readonly scope?: number
}

export function packSpecs(specs: readonly EntrySpec[], index: (ref: string | Ifindex) => Ifindex): EntryTable {
  const writer = createEntryWriter(specs.length)
  for (const spec of specs) writer.push(spec.op ?? 'replace', entryOf(spec, index))
  return writer.finish()
}

function entryOf(spec: EntrySpec, index: (ref: string | Ifindex) => Ifindex): Entry {
  if ('neigh' in spec)
    return {
      kind: 'neighbour',
      ifindex: index(spec.dev),
      ip: parseIp(spec.neigh),
      lladdr: spec.lladdr === undefined ? undefined : parseLladdr(spec.lladdr),
      state: NUD_PERMANENT,
      flags: 0,
      protocol: spec.protocol ?? RTPROT_VTEPD,
    }
  if ('fdb' in spec)
    return {
      kind: 'fdb',
      ifindex: index(spec.dev),
      lladdr: parseLladdr(spec.fdb),
      remote: spec.dst === undefined ? undefined : parseIp(spec.dst),
      state: NUD_PERMANENT,
      flags: NTF_SELF,
      extras: false,
    }
  return {
    kind: 'route',
    dst: parseCidr(spec.route),
    metric: spec.metric ?? 0,
    gateway: spec.via === undefined ? undefined : parseIp(spec.via),
    oif: spec.dev === undefined ? undefined : index(spec.dev),
    onlink: spec.onlink ?? false,
    protocol: spec.protocol ?? RTPROT_VTEPD,
    type: spec.type ?? RTN_UNICAST,
    scope: spec.scope ?? 0,
    extras: false,
    dead: false,
    multipath: false,
  }
}

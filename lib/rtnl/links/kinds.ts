/**
 * Which kind of link has which attributes (IFLA_INFO_DATA), and which kind of master its ports have (IFLA_INFO_SLAVE_DATA): the
 * one table of both. IFLA_LINKINFO is read and written by it. Must not: know what an attribute says.
 */

import { attributes, eachAttribute } from '../../netlink/attributes.ts'
import type { Codec } from '../../netlink/codec.ts'
import { text } from '../../netlink/scalars.ts'
import { shown } from '../../util/wrong-input.ts'
import { bond, bondPort } from './kinds/bond.ts'
import { bridge } from './kinds/bridge.ts'
import { ipvlan, macvlan, tun, vrf, vrfPort } from './kinds/plain.ts'
import { geneve, gre } from './kinds/tunnel.ts'
import { vlan } from './kinds/vlan.ts'
import { vxlan } from './kinds/vxlan.ts'

// biome-ignore lint/suspicious/noExplicitAny: each kind has values of its own
type AnyCodec = Codec<any>

/** By IFLA_INFO_KIND. Of kinds that have the same attributes the first gives the key of a link's value its name. */
const KINDS: Readonly<Record<string, AnyCodec>> = {
  vxlan,
  bridge,
  vlan,
  macvlan,
  macvtap: macvlan,
  ipvlan,
  ipvtap: ipvlan,
  bond,
  vrf,
  tun,
  geneve,
  gre,
  gretap: gre,
  ip6gre: gre,
  ip6gretap: gre,
}

const KEYS = new Map(
  Object.entries(KINDS).map(([kind, codec]) => [kind, Object.keys(KINDS).find((first) => KINDS[first] === codec)]),
)

/** Under which key a link's value has the attributes of a kind; undefined: they are not known. */
export function keyOfKind(kind: string): string | undefined {
  return KEYS.get(kind)
}

/** By IFLA_INFO_SLAVE_KIND. Who knows the ports of another kind of master adds them here. */
const PORTS: Readonly<Record<string, AnyCodec>> = { bond: bondPort, vrf: vrfPort }

/** IFLA_LINKINFO. `data`, `port`: attributes of the kind, and of a port of a master of `portKind`. */
export interface LinkInfo {
  readonly kind?: string | undefined
  readonly data?: unknown
  readonly portKind?: string | undefined
  readonly port?: unknown
}

const KIND = 1
const DATA = 2
const PORT_KIND = 4
const PORT_DATA = 5

const words = attributes({ kind: [KIND, text], portKind: [PORT_KIND, text] })

/** What codecs of the kind's own data say, as `data`; `peer` has its own (veth.ts). */
export function linkInfoWith(peer: AnyCodec | undefined, place: (kind: string) => string): Codec<LinkInfo> {
  const dataOf = (kind = ''): AnyCodec | undefined =>
    kind === 'veth' ? peer : Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  const portOf = (kind = ''): AnyCodec | undefined => (Object.hasOwn(PORTS, kind) ? PORTS[kind] : undefined)
  return {
    nested: true,
    write(out, { kind, data, portKind, port }, name) {
      words.write(out, { kind }, name)
      if (data !== undefined) writeOne(out, DATA, dataOf(kind), data, place(kind ?? ''))
      words.write(out, { portKind }, name)
      if (port !== undefined) writeOne(out, PORT_DATA, portOf(portKind), port, place(`${portKind}Port`))
    },
    read(view, start, end, name, faults) {
      const told: { kind?: string | undefined; portKind?: string | undefined; data?: unknown; port?: unknown } = {
        ...words.read(view, start, end, name, faults),
      }
      eachAttribute(view, start, end, (id, from, to) => {
        const codec = id === DATA ? dataOf(told.kind) : id === PORT_DATA ? portOf(told.portKind) : undefined
        if (codec === undefined) return
        const value: unknown = codec.read(view, from, to, `${name}.${told.kind}`, faults)
        told[id === DATA ? 'data' : 'port'] = value
      })
      return told
    },
    locate(view, start, end, offset) {
      const told = words.read(view, start, end, '', [])
      let found: string | undefined
      eachAttribute(view, start, end, (id, from, to) => {
        if (offset < from - 4 || offset >= to) return
        const codec = id === DATA ? dataOf(told?.kind) : id === PORT_DATA ? portOf(told?.portKind) : undefined
        const key = id === DATA ? `${told?.kind}` : id === PORT_DATA ? `${told?.portKind}Port` : 'kind'
        const inner = offset < from ? undefined : codec?.locate?.(view, from, to, offset)
        found = inner === undefined ? key : `${key}.${inner}`
      })
      return found
    },
  }
}

function writeOne(
  out: Parameters<AnyCodec['write']>[0],
  id: number,
  codec: AnyCodec | undefined,
  value: unknown,
  place: string,
): void {
  if (codec === undefined) throw new TypeError(`${place}: ${shown(value)} is for a kind that has no such attributes`)
  out.attribute(id, true, place, () => codec.write(out, value, place))
}

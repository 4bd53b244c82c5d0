/** The kernel's tables as our own rtnetlink reads them, an object a line. Must not: change anything, or need a program. */
import { FAMILIES } from '../../net/ip.ts'
import { type EntryTable, unpackEntry } from '../../rtnl/entries.ts'
import type { Dump, Link, Rtnl } from '../../rtnl/port.ts'
import { type Made, MOST_ROWS, type Part, rowsOf } from './part.ts'

/** Links whose neighbours are listed: a node has one a pod. */
const MOST_LINKS = 64

/** `open`: a door, kept open by who calls; rejects where there is none. */
export function kernelParts(open: () => Promise<Rtnl>): readonly Part[] {
  const links = async (): Promise<readonly Link[]> => (await (await open()).dumpLinks()).value
  const part = (name: string, make: (rtnl: Rtnl) => Promise<Made>): Part => ({
    name: `kernel/${name}.jsonl`,
    make: async () => make(await open()),
  })
  const families = async (dump: (family: (typeof FAMILIES)[number]) => Promise<Dump<EntryTable>>): Promise<Made> =>
    joined(await Promise.all(FAMILIES.map(async (family) => tableRows(await dump(family)))))
  return [
    part('links', async (rtnl) => listRows(await rtnl.dumpLinks())),
    part('addresses', async (rtnl) => listRows(await rtnl.dumpAddresses())),
    part('rules', async (rtnl) =>
      joined(await Promise.all(FAMILIES.map(async (family) => listRows(await rtnl.dumpRules(family))))),
    ),
    part('routes', (rtnl) => families((family) => rtnl.dumpRoutes(family))),
    part('neighbours', async (rtnl) => {
      const tables: Made[] = []
      const all = orderedLinks(await links())
      for (const { ifindex } of all.slice(0, MOST_LINKS))
        tables.push(await families((family) => rtnl.dumpNeighbours(family, ifindex)))
      const left = all.length - MOST_LINKS
      return joined(left > 0 ? [...tables, { text: '', cut: `${left} links are left out` }] : tables)
    }),
    part('fdb', async (rtnl) => {
      const devices = (await links()).filter(({ vxlan }) => vxlan !== undefined)
      return joined(await Promise.all(devices.map(async ({ ifindex }) => tableRows(await rtnl.dumpFdb(ifindex)))))
    }),
  ]
}

/** Ours first: VXLAN, then what has neighbours of its own. */
function orderedLinks(links: readonly Link[]): readonly Link[] {
  const rank = ({ vxlan, master }: Link): number => (vxlan !== undefined ? 0 : master === undefined ? 1 : 2)
  return links.filter(({ loopback }) => !loopback).sort((a, b) => rank(a) - rank(b))
}

function listRows({ value, interrupted }: Dump<readonly object[]>): Made {
  return noted(rowsOf(value.map((one) => JSON.stringify(one))), interrupted)
}

function tableRows({ value, interrupted }: Dump<EntryTable>): Made {
  const rows = Array.from({ length: Math.min(value.length, MOST_ROWS) }, (_, i) =>
    JSON.stringify(unpackEntry(value, i)),
  )
  const rest = value.length - rows.length
  const cut = rest === 0 ? null : `${rest} of ${value.length} entries are left out`
  const { text } = rowsOf(cut === null ? rows : [...rows, `# ${cut}`], rows.length + 1)
  return noted({ text, cut }, interrupted)
}

function noted(made: Made, interrupted: boolean): Made {
  return interrupted ? { ...made, text: `# the tables changed meanwhile\n${made.text}` } : made
}

function joined(all: readonly Made[]): Made {
  const cuts = all.flatMap(({ cut }) => cut ?? [])
  return { text: all.map(({ text }) => text).join(''), cut: cuts.length === 0 ? null : cuts.join('; ') }
}

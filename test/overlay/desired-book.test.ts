import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OP_DELETE } from '../../lib/addon/abi.ts'
import type { Lease } from '../../lib/cluster/lease.ts'
import type { Peers } from '../../lib/cluster/view.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { parseVni } from '../../lib/net/vni.ts'
import { desiredTables } from '../../lib/overlay/desired.ts'
import { packBook } from '../../lib/overlay/desired-book.ts'
import { renderEntries } from '../../lib/overlay/entry-text.ts'
import { peersOf } from '../../lib/overlay/peers.ts'
import { planPeers } from '../../lib/overlay/plan.ts'
import { type EntryTable, entryBytes, packEntries, unpackEntries } from '../../lib/rtnl/entries.ts'
import { atOnce } from '../../lib/util/slices.ts'

const of = {
  family: 'ipv4' as const,
  network: parseCidr('10.42.0.0/16'),
  ifindex: parseIfindex(7),
  lladdr: parseLladdr('12:00:00:00:00:01'),
}

/** `at`: where the machine is; another place with one lladdr is a clone, the same place the same machine. */
function lease(node: string, subnet: number, machine: number, at = machine): Lease {
  return {
    node,
    uid: undefined,
    seniority: node,
    ipv4: {
      subnet: parseCidr(`10.42.${subnet}.0/24`),
      underlay: parseIp(`192.168.1.${at}`),
      lladdr: parseLladdr(`12:00:00:00:01:${machine.toString(16).padStart(2, '0')}`),
      vni: undefined,
    },
    ipv6: undefined,
  }
}

const bookOf = (...given: Parameters<typeof packBook>) => atOnce(packBook(...given))

const viewOf = (...leases: Lease[]): Peers => new Map(leases.map((each) => [each.node, each]))

/** Every desired entry as a line. */
function wholeOf(view: Peers): string[] {
  const { peers } = peersOf(view, 'ipv4', of.lladdr)
  const { neighbours, fdb, routes } = desiredTables({ ...of, peers })
  // What two names of one machine share is one entry.
  return [...new Set([neighbours, fdb, routes].flatMap((table) => renderEntries(table)))].sort()
}

/** A model of the kernel's tables: key → line. */
function createModel(view: Peers) {
  const keyed = new Map<string, string>()
  const keyOf = (bytes: Uint8Array): string => {
    const [entry] = unpackEntries({ bytes, length: 1 })
    if (entry?.kind === 'neighbour') return `neighbour ${entry.ip}`
    return entry?.kind === 'fdb'
      ? `fdb ${entry.lladdr}`
      : `route ${entry?.kind === 'route' ? `${entry.dst} ${entry.metric}` : ''}`
  }
  const apply = (batch: EntryTable): void => {
    for (let i = 0; i < batch.length; i += 1) {
      const bytes = entryBytes(batch, i)
      const plain = packEntries(unpackEntries({ bytes, length: 1 }))
      if (bytes[0] === OP_DELETE) keyed.delete(keyOf(bytes))
      else keyed.set(keyOf(bytes), renderEntries(plain)[0] ?? '')
    }
  }
  const { neighbours, fdb, routes } = desiredTables({ ...of, peers: peersOf(view, 'ipv4', of.lladdr).peers })
  for (const table of [neighbours, fdb, routes]) apply(table)
  return { apply, lines: () => [...keyed.values()].sort() }
}

const views = fc
  .uniqueArray(
    fc.record({
      node: fc.integer({ min: 1, max: 6 }),
      subnet: fc.integer({ min: 2, max: 7 }),
      machine: fc.integer({ min: 2, max: 7 }),
      moved: fc.constantFrom(0, 0, 0, 0, 20),
    }),
    { maxLength: 6, selector: ({ node }) => node },
  )
  .map((claims) =>
    viewOf(...claims.map(({ node, subnet, machine, moved }) => lease(`n${node}`, subnet, machine, machine + moved))),
  )

test('changes planned by their keys, one after the other, end as the whole view says', () => {
  let keyed = 0
  fc.assert(
    fc.property(fc.array(views, { minLength: 2, maxLength: 8 }), (history) => {
      let current: Peers = history[0] ?? new Map()
      let book = bookOf(of, current)
      let model = createModel(current)
      for (const next of history.slice(1)) {
        const change = book.changeTo(next)
        if (change === undefined) {
          // The whole view decides: what a full round would do.
          book = bookOf(of, next)
          model = createModel(next)
        } else {
          keyed += 1
          const plan = planPeers({ ...of, desired: change.after, actual: change.before, complete: true })
          for (const batch of [plan.entries, plan.routes, plan.deletes, plan.leftovers]) model.apply(batch)
          book.note(change)
        }
        current = next
        assert.deepEqual(model.lines(), wholeOf(current))
        const tables = desiredTables({ ...of, peers: peersOf(current, 'ipv4', of.lladdr).peers })
        for (const table of [tables.neighbours, tables.fdb, tables.routes])
          for (let i = 0; i < table.length; i += 1) assert.ok(book.agrees(entryBytes(table, i)))
      }
    }),
    { numRuns: 500 },
  )
  assert.ok(keyed > 250, `only ${keyed} changes were planned by their keys`)
})

test('the FDB entry of a machine with two names stays while either needs it, and goes with the last', () => {
  const both = viewOf(lease('old', 2, 2), lease('renamed', 3, 2), lease('other', 4, 4))
  for (const [first, second] of [
    ['old', 'renamed'],
    ['renamed', 'old'],
  ] as const) {
    const model = createModel(both)
    const book = bookOf(of, both)
    let view = both
    const drop = (node: string): string[] => {
      const next = new Map([...view].filter(([name]) => name !== node))
      const change = book.changeTo(next) ?? assert.fail('it is planned by its keys')
      const plan = planPeers({ ...of, desired: change.after, actual: change.before, complete: true })
      for (const batch of [plan.entries, plan.routes, plan.deletes, plan.leftovers]) model.apply(batch)
      book.note(change)
      view = next
      return unpackEntries(plan.deletes)
        .map(({ kind }) => kind)
        .sort()
    }
    assert.deepEqual(drop(first), ['neighbour', 'route'])
    assert.deepEqual(model.lines(), wholeOf(view))
    assert.deepEqual(drop(second), ['fdb', 'neighbour', 'route'])
    assert.deepEqual(model.lines(), wholeOf(view))
  }
})

test('a name that a machine gets beside its other is planned by its keys, and finds the FDB entry there', () => {
  const book = bookOf(of, viewOf(lease('old', 2, 2), lease('other', 4, 4)))
  const next = viewOf(lease('old', 2, 2), lease('other', 4, 4), lease('renamed', 3, 2))
  const change = book.changeTo(next) ?? assert.fail('it is planned by its keys')
  const plan = planPeers({ ...of, desired: change.after, actual: change.before, complete: true })
  assert.deepEqual(
    [plan.entries, plan.routes, plan.deletes].map((batch) => unpackEntries(batch).map(({ kind }) => kind)),
    [['neighbour'], ['route'], []],
  )
  assert.equal(book.changeTo(viewOf(...next.values(), lease('clone', 5, 2, 9))), undefined, 'a clone is not')
})

test('a peer that says another VNI is a change without entries', () => {
  const a = lease('a', 2, 2)
  const change = bookOf(of, viewOf(a)).changeTo(viewOf({ ...a, ipv4: a.ipv4 && { ...a.ipv4, vni: parseVni(7) } }))
  assert.ok(change !== undefined)
  assert.deepEqual(change.nodes, ['a'])
  const plan = planPeers({ ...of, desired: change.after, actual: change.before, complete: true })
  assert.deepEqual(
    [plan.entries, plan.routes, plan.deletes, plan.leftovers].map((batch) => batch.length),
    [0, 0, 0, 0],
  )
})

test('a subnet that changes hands is one change, in either order of the nodes', () => {
  const [a, b] = [lease('a', 2, 2), lease('b', 3, 3)]
  const book = bookOf(of, viewOf(a, b))
  const swapped = book.changeTo(viewOf(lease('a', 3, 2), lease('b', 2, 3)))
  assert.ok(swapped !== undefined)
  const plan = planPeers({ ...of, desired: swapped.after, actual: swapped.before, complete: true })
  assert.equal(plan.deletes.length, 0, 'nothing of the other one is deleted')
  assert.equal(plan.entries.length, 2)
})

test('a claim of what another node has is for the whole view to decide', () => {
  const book = bookOf(of, viewOf(lease('a', 2, 2), lease('b', 3, 3)))
  assert.equal(book.changeTo(viewOf(lease('a', 2, 2), lease('b', 3, 3), lease('c', 2, 4))), undefined)
  assert.equal(book.changeTo(viewOf(lease('a', 2, 2), lease('b', 3, 3), lease('c', 4, 2, 9))), undefined)
  const mine = { ...lease('c', 4, 4) }
  const thief: Lease = { ...mine, ipv4: mine.ipv4 && { ...mine.ipv4, lladdr: of.lladdr } }
  assert.equal(book.changeTo(viewOf(lease('a', 2, 2), lease('b', 3, 3), thief)), undefined)
})

test('an entry agrees only when all of it is as desired', () => {
  const book = bookOf(of, viewOf(lease('a', 2, 2)))
  const { fdb, routes } = book.packed
  assert.ok(book.agrees(entryBytes(fdb, 0)))
  const other = Uint8Array.from(entryBytes(fdb, 0))
  other[27] = 99
  assert.equal(book.agrees(other), false)
  assert.equal(book.wants(other), true)
  const boot = Uint8Array.from(entryBytes(routes, 0))
  boot[44] = 3
  assert.equal(book.agrees(boot), false)
})

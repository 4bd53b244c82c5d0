/**
 * A live table beside a kernel that is played: writes, walks that lose their place, news that come late or not at all, in every
 * order. Whenever all was heard and the table believes itself whole, it is what the kernel has; and in calm it comes to that.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type NetlinkMessage, NLM_F_APPEND, NLM_F_EXCL, NLM_F_REPLACE } from '../../../lib/netlink/message.ts'
import { createRecordBody } from '../../../lib/rtnl/live/record-body.ts'
import type { Place, RecordKind } from '../../../lib/rtnl/live/record-kind.ts'

const SEED = process.env.VTEPD_PROPERTY_SEED ?? '2433'
const RUNS = {
  numRuns: Number(process.env.VTEPD_PROPERTY_RUNS ?? 1000),
  ...(SEED === 'random' ? {} : { seed: Number(SEED) }),
}
const SET = 24
const DELETED = 25
const LINK = 16
const KEYS = 6
const IDS = 4

/** How a table is kept and walked; `group`: a walk loses its place only among those of one group. */
interface World {
  readonly several: boolean
  readonly group: ((key: number) => number) | undefined
}

const WORLDS: Readonly<Record<string, World>> = {
  'several to a key, walked by groups (IPv4 routes)': { several: true, group: (key) => key >> 1 },
  'several to a key, walked by counting (IPv6 routes)': { several: true, group: undefined },
  'one to a key, walked by counting (FDB)': { several: false, group: undefined },
}

type Step =
  | {
      readonly type: 'write'
      readonly how: 'add' | 'append' | 'prepend' | 'replace' | 'delete'
      readonly key: number
      readonly id: number
    }
  /** Entries with this id go without a word for each: a link event alone. */
  | { readonly type: 'flush'; readonly id: number }
  | { readonly type: 'hear'; readonly count: number }
  | { readonly type: 'walk'; readonly count: number }
  | { readonly type: 'lose'; readonly count: number }

const key = fc.nat(KEYS - 1)
const id = fc.nat(IDS - 1)
const steps = fc.array(
  fc.oneof<fc.WeightedArbitrary<Step>[]>(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('write'),
        how: fc.constantFrom('add', 'append', 'prepend', 'replace', 'delete'),
        key,
        id,
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('flush'), id }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('hear'), count: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 6, arbitrary: fc.record({ type: fc.constant('walk'), count: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('lose'), count: fc.integer({ min: 1, max: 6 }) }) },
  ),
  { maxLength: 80, size: 'max' },
)

for (const [name, world] of Object.entries(WORLDS))
  test(`a table of ${name} is what the kernel has whenever it believes so, and in calm`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, (list) => play(world, list)),
      RUNS,
    )
  })

async function play(world: World, list: readonly Step[]): Promise<void> {
  const kernel = createKernel(world)
  const follower = createFollower(world, kernel)
  for (const step of list) {
    if (step.type === 'write') kernel.write(step.how, step.key, step.id)
    else if (step.type === 'flush') kernel.flush(step.id)
    else if (step.type === 'hear') follower.hear(step.count)
    else if (step.type === 'lose') follower.lose(step.count)
    else await follower.walk(step.count)
  }
  follower.hear(Number.POSITIVE_INFINITY)
  for (let left = 20; !follower.synced; left -= 1) {
    assert.ok(left > 0, 'in calm it does not come to rest')
    await follower.walk(Number.POSITIVE_INFINITY)
  }
  follower.compare()
}

interface Kernel {
  readonly news: NetlinkMessage[]
  write(how: string, key: number, id: number): void
  flush(id: number): void
  /** In the order in which it is walked. */
  entries(): { key: number; id: number }[]
}

function createKernel({ several }: World): Kernel {
  const tables = new Map<number, number[]>()
  const news: NetlinkMessage[] = []
  const tell = (type: number, flags: number, key: number, id: number): void => {
    news.push({ type, flags, portId: 0, payload: Uint8Array.of(key, id) })
  }
  return {
    news,
    write(how, key, id) {
      const ids = tables.get(key) ?? []
      tables.set(key, ids)
      if (how === 'delete') {
        if (!ids.includes(id)) return
        ids.splice(ids.indexOf(id), 1)
        tell(DELETED, 0, key, id)
      } else if (!several || how === 'replace') {
        if (ids.includes(id)) return
        const before = ids.length
        ids.splice(0, 1, id)
        tell(SET, !several ? 0 : before === 0 ? NLM_F_EXCL : NLM_F_REPLACE, key, id)
      } else {
        if (ids.includes(id) || (how === 'add' && ids.length > 0)) return
        const flags = ids.length === 0 ? NLM_F_EXCL : how === 'append' ? NLM_F_APPEND : 0
        if (how === 'append') ids.push(id)
        else ids.unshift(id)
        tell(SET, flags, key, id)
      }
    },
    flush(id) {
      for (const [key, ids] of tables)
        tables.set(
          key,
          ids.filter((one) => one !== id),
        )
      tell(LINK, 0, 0, 0)
    },
    entries: () =>
      [...tables.keys()].sort((a, b) => a - b).flatMap((key) => (tables.get(key) ?? []).map((id) => ({ key, id }))),
  }
}

/** What follow.ts does, step by step. */
function createFollower(world: World, kernel: Kernel) {
  let dumped: Place[] = []
  let wanted = true
  let walk: { count: number; group: number; found: Place[] } | undefined
  let isLost = false
  const body = createRecordBody(
    kindOf(world, () => dumped),
    () => undefined,
  )
  const follower = {
    get synced() {
      return !wanted && walk === undefined && kernel.news.length === 0
    },
    hear(count: number) {
      for (const message of kernel.news.splice(0, count)) if (body.hear(message) !== 'nothing') wanted = true
      follower.compare()
    },
    lose(count: number) {
      if (kernel.news.splice(0, count).length === 0) return
      isLost = true
      wanted = true
    },
    /** Some entries more; at the end of the table the dump is taken in. */
    async walk(count: number) {
      if (walk === undefined) {
        if (!wanted) return
        wanted = false
        isLost = false
        body.begin()
        walk = { count: 0, group: -1, found: [] }
      }
      const isOver = walkOn(world, kernel, walk, count)
      if (!isOver) return
      follower.hear(Number.POSITIVE_INFINITY)
      dumped = walk.found
      walk = undefined
      await body.dump({})
      if (isLost) body.drop()
      else if (!body.take()) wanted = true
      if (isLost) wanted = true
      follower.compare()
    },
    compare() {
      if (!follower.synced) return
      const lines = (list: readonly { key: number; id: number }[]) => list.map(({ key, id }) => `${key} ${id}`).sort()
      assert.deepEqual(lines([...body.values()]), lines(kernel.entries()))
      assert.equal(body.size, kernel.entries().length)
    },
  }
  return follower
}

/** By counting, from the begin or that of the group where it was. True: the end. */
function walkOn(
  { group }: World,
  kernel: Kernel,
  walk: { count: number; group: number; found: Place[] },
  count: number,
): boolean {
  const groupOf = (key: number): number => group?.(key) ?? 0
  for (let left = count; left > 0; left -= 1) {
    const rest = kernel.entries().filter((entry) => groupOf(entry.key) >= walk.group)
    const ofGroup = rest.filter((entry) => groupOf(entry.key) === walk.group)
    const next = ofGroup[walk.count] ?? rest.find((entry) => groupOf(entry.key) > walk.group)
    if (next === undefined) return true
    walk.count = groupOf(next.key) === walk.group ? walk.count + 1 : 1
    walk.group = groupOf(next.key)
    walk.found.push(placeOf(next.key, next.id))
  }
  return false
}

function placeOf(key: number, id: number): Place {
  return { key: String.fromCharCode(key), record: String.fromCharCode(key, id) }
}

function kindOf(world: World, dumped: () => Place[]): RecordKind<{ key: number; id: number }, number> {
  const { group } = world
  return {
    setType: SET,
    deletedType: DELETED,
    place: (view, start) => placeOf(view.getUint8(start), view.getUint8(start + 1)),
    forget: () => undefined,
    keyOf: (asked) => String.fromCharCode(asked),
    read: (payload) => ({ key: payload[0] ?? 0, id: payload[1] ?? 0 }),
    visible: (record) => record,
    several: world.several
      ? { identity: (record) => record.slice(1), isMerged: () => false, tellsAlone: true }
      : undefined,
    group: group === undefined ? undefined : (of) => `${group(of.charCodeAt(0))}`,
    shiftsOnAdd: false,
    isPartial: () => false,
    hint: () => 'dump-behind-barrier',
    dump: async () => ({ value: dumped(), interrupted: false, unreadable: undefined }),
  }
}

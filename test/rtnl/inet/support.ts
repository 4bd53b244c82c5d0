/** What the tests of the IP parts share: a namespace with a veth, a socket of the open floor in it, and cases that `ip` and we play. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Netlink, openNetlink } from '../../../lib/netlink/netlink.ts'
import { createNetns, type Netns } from '../../support/netns.ts'

export interface Stage {
  readonly netns: Netns
  readonly netlink: Netlink
  /** A veth named `east`, up, with 10.0.0.1/24 and fd00::1/64; its other end is `west`, up. */
  readonly east: number
  readonly west: number
  /** Standard output of `ip -json -details ARGS`, parsed. */
  ip(args: string): Promise<unknown>
}

export async function createStage(t: TestContext): Promise<Stage> {
  const netns = await createNetns(t)
  const run = (args: string) => netns.exec('ip', ...args.split(' '))
  await run(
    'link add east index 40 address 02:00:00:00:00:01 type veth peer name west index 41 address 02:00:00:00:00:02',
  )
  for (const name of ['east', 'west']) {
    await run(`link set ${name} addrgenmode none`)
    await run(`link set ${name} up`)
  }
  await run('addr add 10.0.0.1/24 dev east')
  await run('addr add fd00::1/64 dev east nodad')
  const netlink = openNetlink({ protocol: 'route', netns: netns.path })
  t.after(() => netlink.close())
  const ip = async (args: string): Promise<unknown> => {
    const text = await netns.exec('ip', '-json', '-details', ...args.split(' '))
    return text.trim() === '' ? [] : JSON.parse(text)
  }
  return { netns, netlink, east: 40, west: 41, ip }
}

/** What this kernel cannot do, by what it says when `ip` asks for it. */
export const MISSING =
  /not supported|Unknown device type|RTNETLINK answers: Operation not supported|encapsulation type not|Invalid group type|Unknown attribute type/

/** A thing that `ip` and we make, each in its turn. */
export interface Case<T> {
  readonly name: string
  /** Arguments of `ip` that add it. */
  readonly ip: string
  /** The same as we say it: all of it is told again when it is read. */
  readonly spec: T
}

export interface Part<T extends object, V extends T> {
  readonly stage: Stage
  /** Everything that is there, by `ip`, and by us. */
  readonly show: readonly string[]
  list(): Promise<readonly V[]>
  add(spec: T): Promise<void>
  delete(value: T): Promise<void>
  /** Takes away what may differ from one making to the next: counters, ages, numbers that the kernel chooses. */
  settled(value: unknown): unknown
}

/**
 * By `ip`, then by us: what `ip` reads is equal, what we read is equal, and has all that was asked for. Deleted as it was read,
 * nothing is left. Skips where this kernel does not know the kind.
 */
export async function playCase<T extends object, V extends T>(
  t: TestContext,
  part: Part<T, V>,
  { ip, spec }: Case<T>,
): Promise<void> {
  const shown = async () => {
    const views: unknown[] = []
    for (const args of part.show) views.push(part.settled(await part.stage.ip(args)))
    return views
  }
  const before = { shown: await shown(), listed: part.settled(await part.list()) }
  try {
    await part.stage.netns.exec('ip', ...ip.split(' '))
  } catch (error) {
    if (!MISSING.test(String(error))) throw error
    t.skip(`this kernel does not know it: ${String(error).split('\n')[1]}`)
    return
  }
  const news = async () => {
    const known = new Set((before.listed as unknown[]).map((one) => JSON.stringify(one)))
    const found = (await part.list()).filter((one) => !known.has(JSON.stringify(part.settled(one))))
    const [first, ...more] = found
    assert.ok(first !== undefined && more.length === 0, `${found.length} are new`)
    return first
  }
  const byIp = { shown: await shown(), value: await news() }
  assert.notDeepEqual(byIp.shown, before.shown, 'ip sees it')
  assert.deepEqual(
    partOf(part.settled(byIp.value), part.settled(spec)),
    part.settled(spec),
    'what ip made is what was asked for',
  )
  await part.delete(byIp.value)
  assert.deepEqual(await shown(), before.shown, 'deleted as it was read')
  await part.add(spec)
  const byUs = { shown: await shown(), value: await news() }
  assert.deepEqual(byUs.shown, byIp.shown, 'ip reads the same')
  assert.deepEqual(part.settled(byUs.value), part.settled(byIp.value))
  await part.delete(byUs.value)
  await part.add(byUs.value)
  assert.deepEqual(part.settled(await news()), part.settled(byUs.value), 'written back as it was read')
  await part.delete(spec)
  assert.deepEqual(part.settled(await part.list()), before.listed, 'deleted as it was asked for')
}

/** Of a value what a wish has keys for, at every depth. */
function partOf(value: unknown, wish: unknown): unknown {
  if (typeof value !== 'object' || value === null || typeof wish !== 'object' || wish === null) return value
  if (Array.isArray(value) && Array.isArray(wish)) return value.map((one, i) => partOf(one, wish[i]))
  const entries = Object.keys(wish).map((key) => [key, partOf(Reflect.get(value, key), Reflect.get(wish, key))])
  return Object.fromEntries(entries)
}

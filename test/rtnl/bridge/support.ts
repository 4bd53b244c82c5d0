/** What the tests of bridges share: a namespace with a bridge and its ports, and cases that `bridge` and we play. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Netlink, openNetlink } from '../../../lib/netlink/netlink.ts'
import type { Ifindex } from '../../../lib/rtnl/index.ts'
import { createNetns, type Netns } from '../../support/netns.ts'

export const BRIDGE = 30 as Ifindex
export const EAST = 40 as Ifindex
export const EAST2 = 42 as Ifindex
export const VXLAN = 50 as Ifindex

export interface Stage {
  readonly netns: Netns
  readonly netlink: Netlink
  /** Standard output of `bridge -json -details ARGS`, parsed. */
  bridge(args: string): Promise<unknown>
  /** Without them the kernel can do no VLAN filtering. */
  readonly filtersVlans: boolean
}

/** A bridge `br0`, up, with the ports `east` and `east2`, and a VXLAN link `vx`, which is none. */
export async function createStage(t: TestContext): Promise<Stage> {
  const netns = await createNetns(t)
  const run = (args: string) => netns.exec('ip', ...args.split(' '))
  await run('link add br0 index 30 address 02:00:00:00:00:30 type bridge mcast_snooping 1 mcast_querier 0')
  for (const [name, index] of [
    ['east', 40],
    ['east2', 42],
  ] as const) {
    const address = `02:00:00:00:00:${index}`
    await run(`link add ${name} index ${index} address ${address} type veth peer name ${name}p index ${index + 1}`)
    await run(`link set ${name} master br0`)
    await run(`link set ${name} addrgenmode none`)
    await run(`link set ${name} up`)
    await run(`link set ${name}p addrgenmode none`)
    await run(`link set ${name}p up`)
  }
  await run('link add vx index 50 address 02:00:00:00:00:50 type vxlan id 7 local 192.0.2.1 dstport 4789 nolearning')
  for (const name of ['br0', 'vx']) {
    await run(`link set ${name} addrgenmode none`)
    await run(`link set ${name} up`)
  }
  // Until the kernel has seen the carrier, it would set the state of a port once more.
  for (const name of ['east', 'east2'])
    for (let tries = 0; (await state(netns, name)) !== 'UP'; tries += 1)
      assert.ok(tries < 1000, `${name} has no carrier`)
  const filtersVlans = await run('link set br0 type bridge vlan_filtering 1').then(
    () => true,
    () => false,
  )
  const netlink = openNetlink({ protocol: 'route', netns: netns.path })
  t.after(() => netlink.close())
  const bridge = async (args: string): Promise<unknown> => {
    const text = await netns.exec('bridge', '-json', '-details', ...args.split(' '))
    return text.trim() === '' ? [] : JSON.parse(text)
  }
  return { netns, netlink, bridge, filtersVlans }
}

async function state(netns: Netns, ifname: string): Promise<unknown> {
  const [link] = JSON.parse(await netns.exec('ip', '-json', 'link', 'show', ifname)) as { operstate?: string }[]
  return link?.operstate
}

/** A thing that `bridge` and we make, each in its turn. */
export interface Case<T> {
  readonly name: string
  /** Arguments of `bridge` that make it. */
  readonly bridge: string
  /** The same as we say it: all of it is told again when it is read. */
  readonly spec: T
}

export interface Part<T extends object, V extends T> {
  readonly stage: Stage
  readonly show: string
  list(): Promise<readonly V[]>
  add(spec: T): Promise<void>
  delete(value: T): Promise<void>
}

/** What this kernel, or this `bridge`, cannot do. */
const MISSING = /not supported|Unsupported|Unknown|not found|argument ".*" is wrong|Invalid/i

/** By `bridge`, then by us: what `bridge` reads is equal, what we read is equal; what we read can be written and deleted. */
export async function playCase<T extends object, V extends T>(
  t: TestContext,
  part: Part<T, V>,
  { bridge, spec }: Case<T>,
): Promise<void> {
  const shown = async () => settled(await part.stage.bridge(part.show))
  const before = { shown: await shown(), listed: settled(await part.list()) }
  try {
    await part.stage.netns.exec('bridge', ...bridge.split(' '))
  } catch (error) {
    if (!MISSING.test(String(error))) throw error
    t.skip(`this kernel or iproute2 does not know it: ${String(error).split('\n')[1]}`)
    return
  }
  const news = async (): Promise<V> => {
    const known = new Set((before.listed as unknown[]).map((one) => JSON.stringify(one)))
    const found = (await part.list()).filter((one) => !known.has(JSON.stringify(settled(one))))
    const [first, ...more] = found
    assert.ok(first !== undefined && more.length === 0, `${found.length} are new`)
    return first
  }
  const byBridge = { shown: await shown(), value: await news() }
  assert.notDeepEqual(byBridge.shown, before.shown, 'bridge sees it')
  assert.deepEqual(partOf(settled(byBridge.value), spec), spec, 'what bridge made is what was asked for')
  await part.delete(byBridge.value)
  assert.deepEqual(await shown(), before.shown, 'deleted as it was read')
  await part.add(spec)
  const byUs = { shown: await shown(), value: await news() }
  assert.deepEqual(byUs.shown, byBridge.shown, 'bridge reads the same')
  assert.deepEqual(settled(byUs.value), settled(byBridge.value))
  await part.delete(byUs.value)
  await part.add(byUs.value)
  assert.deepEqual(settled(await news()), settled(byUs.value), 'written back as it was read')
  await part.delete(spec)
  assert.deepEqual(settled(await part.list()), before.listed, 'deleted as it was asked for')
}

/** Without ages, which go on by themselves. */
export function settled(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, one: unknown) => (/^(?:cache|used|updated|timer)$/.test(key) ? 'some' : one)),
  )
}

/** Of a value what a wish has keys for. */
function partOf(value: unknown, wish: object): unknown {
  return Object.fromEntries(Object.keys(wish).map((key) => [key, Reflect.get(value as object, key)]))
}

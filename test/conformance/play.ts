/**
 * Plays a scenario on the fake kernel or on the real one, each step recorded with its result, what the monitor heard of
 * it and the whole state after it; fails at the first step that differs. Must not: know which scenario plays.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Ifindex } from '../../lib/net/ifindex.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Notification, Rtnl } from '../../lib/rtnl/port.ts'
import { createFakeKernel, type KernelTraits } from '../support/fake-kernel/index.ts'
import { createNetns } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { createNames, type Heard, type Names, observe, renderNews } from './normal.ts'
import { realAdministrator } from './real-administrator.ts'
import { createStage, type House, type Scenario } from './stage.ts'

/** One step as it was seen. `outcome`: 'done', an errno name, or what was answered. */
export interface Scene {
  readonly step: string
  readonly outcome: string
  readonly news: readonly string[]
  readonly state: readonly string[]
}

/** How long an expected echo may take: the real kernel does some of it in the background. */
const PATIENCE_MS = patience(2000)

export async function playOnFake(scenario: Scenario, traits: KernelTraits): Promise<Scene[]> {
  const kernel = createFakeKernel({ dad: false, traits })
  const house = { rtnl: kernel.open(), admin: kernel.admin, elsewhere: '/run/netns/elsewhere' }
  return play(house, scenario, undefined)
}

/**
 * Plays on the real kernel, and fails at the first step that differs from `expected`; waits, within bounds, for what of a
 * step is still to come.
 */
export async function playOnReal(t: TestContext, scenario: Scenario, expected: readonly Scene[]): Promise<void> {
  const netns = await createNetns(t, 'stage')
  const elsewhere = await createNetns(t, 'elsewhere')
  const quiet = ['accept_dad=0', 'router_solicitations=0', 'accept_ra=0'].flatMap((each) => [
    `net.ipv6.conf.all.${each}`,
    `net.ipv6.conf.default.${each}`,
  ])
  await netns.exec('sysctl', '-qw', ...quiet, 'net.ipv4.conf.all.promote_secondaries=0')
  const rtnl = openRtnl({ netns: netns.path })
  const house = {
    rtnl,
    admin: realAdministrator(netns, elsewhere),
    elsewhere: elsewhere.path,
  }
  try {
    const scenes = await play(house, scenario, expected)
    assert.equal(scenes.length, expected.length)
  } finally {
    await rtnl.close()
  }
}

async function play(house: House, scenario: Scenario, expected: readonly Scene[] | undefined): Promise<Scene[]> {
  const scenes: Scene[] = []
  const names = createNames()
  const ear = listen(house.rtnl)
  const heard: Heard = { links: new Map(), addresses: new Map() }
  try {
    await observe(house.rtnl, names)
    await scenario(
      createStage(house, names, async (step, act) => {
        const outcome = await act()
        const hoped = expected?.[scenes.length]
        const scene = { step, outcome, ...(await watch(house, ear, names, heard, hoped)) }
        scenes.push(scene)
        if (hoped !== undefined) assertAlike(hoped, scene, scenes.length)
      }),
    )
  } finally {
    ear.close()
  }
  return scenes
}

interface Ear {
  /** Everything heard since the last call that returned; waits until the mark has been heard. */
  take(): Promise<Notification[]>
  close(): void
}

/** Marks the stream of news by changing lo's MTU: what came before the mark had been caused before it. */
function listen(rtnl: Rtnl): Ear {
  let heard: Notification[] = []
  let wake = (): void => undefined
  let mtu = 65_536
  const monitor = rtnl.monitor({
    groups: ['link', 'address', 'neighbour', 'route', 'rule'],
    families: ['ipv4', 'ipv6'],
    ignoreOwn: false,
    onNotifications(notifications) {
      heard.push(...notifications)
      wake()
    },
  })
  const isMark = (news: Notification): boolean => news.type === 'link' && news.link.loopback && news.link.mtu === mtu
  return {
    async take() {
      mtu = mtu === 65_536 ? 65_535 : 65_536
      await rtnl.changeLink(1 as Ifindex, { mtu })
      while (!heard.some(isMark)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const taken = heard.filter((news) => !isMark(news))
      heard = []
      return taken
    },
    close: () => monitor.close(),
  }
}

async function watch(
  house: House,
  ear: Ear,
  names: Names,
  heard: Heard,
  hoped: Scene | undefined,
): Promise<{ news: string[]; state: string[] }> {
  const deadline = performance.now() + (hoped === undefined ? 0 : PATIENCE_MS)
  const notifications: Notification[] = []
  for (;;) {
    notifications.push(...(await ear.take()))
    const known: Heard = { links: new Map(heard.links), addresses: new Map(heard.addresses) }
    const news = renderNews(notifications, names, known, house.rtnl.portId)
    const state = await observe(house.rtnl, names)
    const complete = hoped === undefined || (equal(news, hoped.news) && equal(state, hoped.state))
    if (complete || performance.now() > deadline) {
      for (const [key, word] of known.links) heard.links.set(key, word)
      for (const [key, word] of known.addresses) heard.addresses.set(key, word)
      return { news, state }
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Fails with what only one of the two has seen. */
function assertAlike(fake: Scene, real: Scene, at: number): void {
  const only = (a: readonly string[], b: readonly string[]): string[] => a.filter((line) => !b.includes(line))
  const differences = (['news', 'state'] as const).flatMap((part) => [
    ...only(fake[part], real[part]).map((line) => `only the fake's ${part}: ${line}`),
    ...only(real[part], fake[part]).map((line) => `only the real ${part}: ${line}`),
    ...(equal(fake[part], real[part]) ? [] : [`${part}: ${fake[part].length} lines, really ${real[part].length}`]),
  ])
  if (fake.outcome !== real.outcome)
    differences.unshift(`the fake says '${fake.outcome}', the real one '${real.outcome}'`)
  if (differences.length > 0) assert.fail([`step ${at}, ${real.step}`, ...differences].join('\n'))
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index])
}

/**
 * The histories of the property test, on the real kernel: the same happenings, done with iproute2 in a namespace, and their
 * variants (EXPANDERS). Whatever happened, the tables that `ip` and `bridge` show end as desired, and foreign ones as they
 * were. VTEPD_HISTORIES sets how many for each world, VTEPD_PROPERTY_SEED the seed.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { createFamilyOverlay, type FamilyOverlay } from '../../lib/agent/family-overlay.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Log } from '../../lib/util/log.ts'
import {
  desiredLines,
  IPV4,
  IPV6,
  MODES,
  type Mode,
  networkOf,
  OWN_LLADDR,
  UNDERLAY_IFNAME,
  viewOf,
  type World,
} from '../agent/support/fake-node.ts'
import {
  type Debts,
  disturb,
  EXPANDERS,
  type Happening,
  happenings,
  peerSets,
  type Stage,
} from '../agent/support/history.ts'
import { realAdministrator } from '../conformance/real-administrator.ts'
import { underlayChoice } from '../support/config.ts'
import type { Administrator } from '../support/fake-kernel/index.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { patience } from '../support/patience.ts'

const HISTORIES = Number(process.env.VTEPD_HISTORIES ?? 2)
const SEED = Number(process.env.VTEPD_PROPERTY_SEED ?? 20261123)
/** A bound, far above what healing takes: the audit alone (45 to 75 s) must not be what heals. */
const PATIENCE_MS = patience(20_000)

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent }

/** Time passes by itself here; long pauses teach nothing. */
const steps = fc.array(
  happenings.map((happening): Happening => {
    if (happening.do === 'time') return { do: 'time', ms: Math.min(happening.ms, 100) }
    if (happening.do === 'rebuild-underlay') return { ...happening, afterMs: Math.min(happening.afterMs, 200) }
    return happening
  }),
  { minLength: 4, maxLength: 12 },
)

for (const world of [IPV4, IPV6])
  for (const mode of MODES)
    test(`histories on the real kernel end as desired: ${world.family}, ${mode}`, kernelTests, async (t) => {
      const samples = fc.sample(fc.tuple(steps, peerSets), { numRuns: HISTORIES, seed: SEED })
      for (const [history, peers] of samples)
        for (const [name, expand] of Object.entries(EXPANDERS)) {
          try {
            await runHistory(t, world, mode, expand(history), new Map(peers))
          } catch (error) {
            throw new Error(`${name}: ${JSON.stringify(history)}, peers ${JSON.stringify(peers)}`, { cause: error })
          }
        }
    })

async function runHistory(
  t: TestContext,
  world: World,
  mode: Mode,
  history: readonly Happening[],
  peers: Map<number, number>,
): Promise<void> {
  const [netns, elsewhere] = [await createNetns(t, 'node'), await createNetns(t, 'away')]
  const { admin, idle } = inOrder(realAdministrator(netns, elsewhere))
  const stageAdmin: Stage['admin'] = { ...admin, addNic: (ifname, options) => admin.addBridge(ifname, options) }
  await plantUnderlay(stageAdmin, world)
  stageAdmin.addBridge('cni0', { lladdr: '12:00:00:00:00:ee' })
  stageAdmin.setUp('cni0')
  stageAdmin.addAddress('cni0', world.family === 'ipv4' ? '10.42.1.1/24' : 'fd00:42:0:1::1/64')
  stageAdmin.replaceRoute({ dst: world.family === 'ipv4' ? '172.16.0.0/16' : 'fd00:99::/64', dev: 'cni0', metric: 7 })
  await idle()
  const foreign = await foreignLines(netns, world)

  let view: LeaseView = viewOf(world, new Map(), true)
  const start = (): FamilyOverlay => startOverlay(netns, world, mode, view)
  let overlay = start()
  const stage: Stage = {
    world,
    admin: stageAdmin,
    setPeers(next, synced = true) {
      view = viewOf(world, next, synced)
      overlay.setView(view)
    },
    after: (delayMs, act) => void systemClock.after(delayMs, act),
  }
  const debts: Debts = { underlayAway: false, over: false }
  try {
    for (const happening of history) {
      if (happening.do === 'time') await new Promise<void>((resolve) => systemClock.after(happening.ms, resolve))
      else if (happening.do === 'restart') {
        await overlay.stop()
        overlay = start()
      } else disturb(stage, happening.do === 'during' ? happening.happening : happening, debts)
      await idle()
    }
    await until(
      async () => !debts.underlayAway,
      () => 'the underlay is not rebuilt',
    )
    stageAdmin.deleteLink('other0')
    stageAdmin.deleteAway(world.device)
    await idle()
    await plantUnderlay(stageAdmin, world)
    await idle()
    stage.setPeers(peers, true)
    const desired = desiredLines(world, peers, mode)
    let actual: string[] = []
    await until(
      async () => {
        if (!(overlay.unready === undefined)) return false
        actual = await actualLines(netns, world)
        return JSON.stringify(actual) === JSON.stringify(desired)
      },
      () => `${JSON.stringify(overlay.state)}\n${actual.join('\n')}\nbut desired is\n${desired.join('\n')}`,
    )
    assert.deepEqual(await foreignLines(netns, world), foreign)
  } finally {
    await overlay.stop()
  }
}

/** Commands run one after the other in the order of the calls; `idle` waits for all of them. */
function inOrder(real: Administrator<Promise<unknown>>): { admin: Administrator<unknown>; idle(): Promise<void> } {
  let last: Promise<unknown> = Promise.resolve()
  const entries = Object.entries(real).map(([name, call]) => [
    name,
    (...args: never[]) => {
      last = last.then(() => (call as (...args: never[]) => Promise<unknown>)(...args))
    },
  ])
  return {
    admin: Object.fromEntries(entries) as Administrator<unknown>,
    async idle() {
      await last
    },
  }
}

async function plantUnderlay(admin: Stage['admin'], world: World): Promise<void> {
  // Each of these is refused where it is there already.
  admin.addNic(UNDERLAY_IFNAME, { mtu: 1500, lladdr: '12:00:00:00:00:dd' })
  admin.setUp(UNDERLAY_IFNAME)
  admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
}

function startOverlay(netns: Netns, world: World, mode: Mode, view: LeaseView): FamilyOverlay {
  const overlay = createFamilyOverlay({
    family: world.family,
    network: networkOf(world, mode),
    choice: underlayChoice({ ifaces: [UNDERLAY_IFNAME] }),
    openRtnl: () => openRtnl({ netns: netns.path }),
    // /proc/sys shows this process' namespace, not the node's; test/kernel/contract.test.ts checks accept_ra.
    sysctl: {
      read: async (key) => (key.includes('forward') ? '1' : '0'),
      write: async () => ({ written: true as const }),
    },
    nameOwner: async () => undefined,
    rival: async () => undefined,
    clock: systemClock,
    log: silent,
    onChange: () => undefined,
  })
  overlay.setOwn(view.own, { lladdr: { value: OWN_LLADDR, authority: 'remembered' }, founded: undefined })
  overlay.setView(view)
  return overlay
}

async function until(check: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  const end = systemClock.now() + PATIENCE_MS
  while (!(await check())) {
    if (systemClock.now() > end) assert.fail(otherwise())
    await new Promise<void>((resolve) => systemClock.after(20, resolve))
  }
}

type Row = Readonly<Record<string, unknown>>

async function rows(netns: Netns, program: string, ...args: string[]): Promise<Row[]> {
  try {
    return JSON.parse((await netns.exec(program, '-j', ...args)) || '[]') as Row[]
  } catch {
    // iproute2 fails when the device is not there.
    return []
  }
}

async function actualLines(netns: Netns, { family, device }: World): Promise<string[]> {
  const flag = family === 'ipv4' ? '-4' : '-6'
  const [addresses, neighbours, fdb, routes] = await Promise.all([
    rows(netns, 'ip', flag, 'address', 'show', 'dev', device, 'scope', 'global'),
    rows(netns, 'ip', flag, 'neigh', 'show', 'dev', device, 'nud', 'permanent'),
    rows(netns, 'bridge', 'fdb', 'show', 'dev', device),
    rows(netns, 'ip', flag, 'route', 'show'),
  ])
  // An address that the filter leaves out is an empty object in iproute2's JSON.
  const own = ((addresses[0]?.addr_info ?? []) as Row[])
    .filter(({ local }) => local !== undefined)
    .map(({ local }) => `address ${local}`)
  return [
    ...own,
    ...neighbours.map(({ dst, lladdr }) => `neighbour ${dst} ${lladdr}`),
    ...fdb.filter(({ dst }) => dst !== undefined).map(({ mac, dst }) => `fdb ${mac} ${dst}`),
    ...routes
      .filter(({ protocol, dev }) => protocol === '118' || (dev === device && protocol !== 'kernel'))
      .map(({ dst, gateway, metric, protocol }) => `route ${dst} via ${gateway} metric ${metric} proto ${protocol}`),
  ].sort()
}

async function foreignLines(netns: Netns, { family }: World): Promise<string[]> {
  const flag = family === 'ipv4' ? '-4' : '-6'
  const routes = await rows(netns, 'ip', flag, 'route', 'show', 'dev', 'cni0')
  const [addresses] = await rows(netns, 'ip', flag, 'address', 'show', 'dev', 'cni0')
  const own = ((addresses?.addr_info ?? []) as Row[]).map(({ local }) => String(local))
  return [...own, ...routes.map(({ dst, metric }) => `${dst} ${metric}`)].sort()
}

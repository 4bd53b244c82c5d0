/**
 * The real NetworkManager owns node1's management interface; a DNS server is changed the way that makes it delete and
 * rebuild the interface, under a UDP probe every 2 ms between pods and between nodes. What counts is how long the pods were
 * silent beyond the nodes in the same change: that is what the overlay added.
 *
 *   npm run bench -- heal-dns [--changes 50] [--peers 100] [--pinned] [--json]
 *
 * After each change the tables are read by `ip` and `bridge`. Needs the Debian packages network-manager and dbus.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { FlagSpec } from '../lib/cli/flag-spec.ts'
import { monotonicMs } from '../lib/host/clock.ts'
import { compareOutages } from '../lib/lab/outages.ts'
import { scenarioPairs } from '../lib/lab/probe-pairs.ts'
import { runProber, runSocketOpener } from '../lib/lab/prober.ts'
import { becomesTrue } from '../lib/lab/waiting.ts'
import { createScope } from '../test/chaos/scope.ts'
import { createStage, type Stage } from '../test/chaos/stage.ts'
import { underlayPrefix } from '../test/kernel/healing/support/surroundings.ts'
import { type NetworkManager, startNetworkManager } from '../test/support/network-manager.ts'
import { countOf, readArguments } from './frame/arguments.ts'
import type { Sample } from './frame/sample.ts'
import { median } from './frame/statistics.ts'
import { renderJsonLine, renderTable } from './frame/table.ts'
import { LARGEST_CLUSTER } from './world/cluster.ts'

const PARENT = 'mgmt0'
const LINKS = ['eth0', 'cni0', 'pod1', 'other0', 'foreign7']
/** Before the change, so that the first silence is seen from its beginning. */
const BASELINE_MS = 100
const IN_A_ROW = 50
const PATIENCE_MS = 30_000

const FLAGS = [
  { name: 'changes', kind: 'int', default: 50, group: 'What is measured', help: 'of a DNS server' },
  { name: 'peers', kind: 'int', default: 100, group: 'What is measured', help: 'of the node' },
  { name: 'pinned', kind: 'bool', default: false, group: 'What is measured', help: 'with a pinned VXLAN device' },
  { name: 'json', kind: 'bool', default: false, group: 'What becomes of it', help: 'one sample on one line' },
] as const satisfies readonly FlagSpec[]

const ABOUT = {
  name: 'npm run bench -- heal-dns',
  summary: 'What pods feel of a DNS change by the real NetworkManager, beyond what nodes feel.',
}

// The prober starts this program again for itself and its helpers (lib/lab/own-command).
const words = process.argv.slice(2)
if (words[0] === 'lab' && words[1] === 'prober') process.exit(await runProber())
else if (words[0] === 'lab' && words[1] === 'open-sockets') await runSocketOpener(words.slice(2))
else await main()

async function main(): Promise<void> {
  const { pinned, changes, peers, json } = readArguments(FLAGS, ABOUT, (values) => ({
    pinned: values.pinned,
    changes: countOf('changes', values.changes, 10_000),
    peers: countOf('peers', values.peers, LARGEST_CLUSTER),
    json: values.json,
  }))
  const sample = await measure(pinned, changes, peers)
  process.stdout.write(`${json ? renderJsonLine(sample) : renderTable([sample])}\n`)
  // The prober and its helpers end with the namespaces, and those with this process.
  process.exit(0)
}

async function measure(pinned: boolean, changes: number, peers: number): Promise<Sample> {
  const scope = createScope()
  try {
    const stage = await createStage(scope, { families: ['ipv4'], pinned, peers })
    const manager = await takeOver(scope, stage)
    const found: { beyondMs: number; underlayMs: number }[] = []
    for (let change = 0; change < changes; change += 1) {
      found.push(await changeDns(stage, manager, change))
      process.stderr.write(`heal-dns: ${change + 1} of ${changes}: ${JSON.stringify(found.at(-1))}\n`)
    }
    return {
      suite: 'heal',
      case: `DNS changed by NetworkManager, device ${pinned ? 'pinned' : 'unpinned'}: pods silent beyond nodes`,
      family: 'ipv4',
      size: peers,
      contender: 'vtepd',
      medianMs: median(found.map(({ beyondMs }) => beyondMs)),
      ratioToLimit: null,
      samples: found.map(({ beyondMs }) => beyondMs),
      measures: {
        underlayMs: median(found.map(({ underlayMs }) => underlayMs)),
        worstMs: Math.max(...found.map(({ beyondMs }) => beyondMs)),
      },
    }
  } finally {
    await scope.end()
  }
}

/** NetworkManager makes its own mgmt0, a macvlan on eth0 with a MAC that stays, and the agent follows. */
async function takeOver(scope: ReturnType<typeof createScope>, { hosts, plan }: Stage): Promise<NetworkManager> {
  const [host] = hosts
  const [node] = plan.nodes
  if (host === undefined || node === undefined) throw new Error('the stage is empty')
  await host.ip(`link del ${PARENT}`)
  const made = [...LINKS, 'flannel.1']
  const manager = await startNetworkManager(scope, host.netns, made, { unmanaged: LINKS })
  await manager.nmcli(
    ...['con', 'add', 'type', 'macvlan', 'ifname', PARENT, 'con-name', PARENT, 'dev', 'eth0', 'mode', 'bridge'],
    ...['ipv4.method', 'manual', 'ipv4.addresses', underlayPrefix('ipv4', 1), 'ipv6.method', 'disabled'],
    ...['connection.autoconnect', 'no', '802-3-ethernet.cloned-mac-address', node.lladdr],
  )
  await manager.nmcli('con', 'up', PARENT)
  await host.ready()
  return manager
}

async function changeDns({ plan, hosts, prober }: Stage, manager: NetworkManager, change: number) {
  const [host] = hosts
  const [node] = plan.nodes
  if (host === undefined || node === undefined) throw new Error('the stage is empty')
  const pairs = scenarioPairs(plan, node)
  await prober.ask({ op: 'start', pairs })
  await delay(BASELINE_MS)
  await manager.nmcli('con', 'modify', PARENT, 'ipv4.dns', `192.0.2.${(change % 250) + 1}`)
  await manager.nmcli('con', 'down', PARENT)
  await manager.nmcli('con', 'up', PARENT)
  const sinceMs = monotonicMs()
  const answering = async (): Promise<boolean> => (await prober.ask({ op: 'inARow', sinceMs })) >= IN_A_ROW
  if (!(await becomesTrue(answering, PATIENCE_MS))) throw new Error('pods or nodes stay silent')
  const results = await prober.ask({ op: 'stop' })
  await host.ready()
  const [outage] = compareOutages(['ipv4'], pairs, results)
  if (outage === undefined) throw new Error('nothing was measured')
  return { beyondMs: outage.beyondUnderlayMs, underlayMs: outage.underlay.totalMs }
}

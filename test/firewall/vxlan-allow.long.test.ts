/** Who reaches the VXLAN port, told by a third host; and that the table follows the peers, and comes back. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { createVxlanAllow } from '../../lib/agent/vxlan-allow.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { createNftablesGuard } from '../../lib/firewall/nftables-guard.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { openNftMonitor } from '../../lib/rtnl/native-nft-monitor.ts'
import { createKeptLog } from '../agent/support/log-lines.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { runIn } from './support.ts'

const bounded = { ...kernelTests, timeout: patience(120_000) }
const PORT = 8472
const PATIENCE_MS = patience(20_000)

const FAMILIES = {
  ipv4: {
    us: '192.0.2.1',
    peer: '192.0.2.2',
    stranger: '192.0.2.3',
    bits: 24,
    many: (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  },
  ipv6: {
    us: '2001:db8::1',
    peer: '2001:db8::2',
    stranger: '2001:db8::3',
    bits: 64,
    many: (i: number) => `fd00::${(i + 1).toString(16)}`,
  },
} as const
type Family = keyof typeof FAMILIES

function viewOf(family: Family, underlays: readonly string[], because?: string): LeaseView {
  const peers = new Map(
    underlays.map((underlay, i) => {
      const claim = {
        subnet: parseCidr(family === 'ipv4' ? '10.42.2.0/24' : 'fd42::/64'),
        underlay: parseIp(underlay),
        lladdr: parseLladdr('0e:00:00:00:00:02'),
        vni: undefined,
      }
      const node = `n${i}`
      const lease = { node, uid: undefined, seniority: '1', ipv4: undefined, ipv6: undefined, [family]: claim }
      return [node, lease] as const
    }),
  )
  const base = { peers, own: undefined, rejected: [], contested: [], aliases: [] }
  return because === undefined ? { ...base, synced: true } : { ...base, synced: false, because }
}

interface Stage {
  readonly us: Netns
  start(guarded?: boolean): ReturnType<typeof createVxlanAllow> & { readonly lines: readonly string[] }
  /** Who of both got through, when each has sent from its own address. */
  reach(): Promise<readonly string[]>
  nft(...args: string[]): Promise<string>
}

async function createStage(t: TestContext, family: Family): Promise<Stage> {
  const at = FAMILIES[family]
  const us = await createNetns(t, 'us')
  await us.exec('ip', 'link', 'add', 'br0', 'type', 'bridge')
  await us.exec('ip', 'link', 'set', 'br0', 'up')
  const nodad = family === 'ipv6' ? ['nodad'] : []
  await us.exec('ip', 'address', 'add', `${at.us}/${at.bits}`, 'dev', 'br0', ...nodad)
  const hosts = { peer: await createNetns(t, 'peer'), stranger: await createNetns(t, 'stranger') }
  for (const name of ['peer', 'stranger'] as const) {
    const far = hosts[name]
    await us.exec('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far.name)
    await us.exec('ip', 'link', 'set', name, 'master', 'br0', 'up')
    await far.exec('ip', 'address', 'add', `${at[name]}/${at.bits}`, 'dev', 'eth0', ...nodad)
    await far.exec('ip', 'link', 'set', 'eth0', 'up')
  }
  const arrived = await receive(t, us, family)
  const send = `import socket,sys\ns=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET,socket.SOCK_DGRAM)\ns.sendto(sys.argv[2].encode(),(sys.argv[1],int(sys.argv[3])))\n`
  const sendFrom = (name: 'peer' | 'stranger', text: string, port: number) =>
    hosts[name].exec('python3', '-c', send, at.us, text, String(port))
  let round = 0
  return {
    us,
    start(guarded = true) {
      const log = createKeptLog()
      const guard = createNftablesGuard({
        family,
        run: runIn(us),
        openMonitor: (options) => openNftMonitor({ ...options, netns: us.path }),
        clock: systemClock,
      })
      const allow = createVxlanAllow({ family, guard, guarded: guarded ? PORT : undefined, clock: systemClock, log })
      t.after(() => allow.stop())
      return { ...allow, lines: log.lines }
    },
    async reach() {
      round += 1
      for (const name of ['peer', 'stranger'] as const) await sendFrom(name, `${name} ${round}`, PORT)
      // To another port, behind the others: when it is here, they are or never will be.
      for (const name of ['peer', 'stranger'] as const) await sendFrom(name, `end ${name} ${round}`, PORT + 1)
      await arrived.until((lines) => ['peer', 'stranger'].every((name) => lines.includes(`end ${name} ${round}`)))
      return ['peer', 'stranger'].filter((name) => arrived.lines.includes(`${name} ${round}`))
    },
    nft: (...args) => us.exec('nft', ...args),
  }
}

async function receive(t: TestContext, netns: Netns, family: Family) {
  const program = `
import select, socket
def opened(port):
  s = socket.socket(socket.AF_INET6 if '${family}' == 'ipv6' else socket.AF_INET, socket.SOCK_DGRAM)
  s.bind(('', port))
  return s
both = [opened(${PORT}), opened(${PORT + 1})]
print('ready', flush=True)
while True:
  ready = select.select(both, [], [])[0]
  for s in both:
    if s in ready: print(s.recv(100).decode(), flush=True)
`
  const child = spawn('ip', ['netns', 'exec', netns.name, 'python3', '-c', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  let wake: () => void = () => undefined
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    wake()
  })
  const until = async (holds: (lines: readonly string[]) => boolean): Promise<void> => {
    const deadline = systemClock.now() + PATIENCE_MS
    while (!holds(lines)) {
      if (systemClock.now() > deadline) throw new Error(`heard only ${lines.join(', ')}`)
      await new Promise<void>((resolve) => {
        wake = resolve
        systemClock.after(1000, resolve)
      })
    }
  }
  await until((all) => all.includes('ready'))
  return { lines, until }
}

async function eventually(t: TestContext, stage: Stage, expected: readonly string[]): Promise<void> {
  const deadline = systemClock.now() + PATIENCE_MS
  for (;;) {
    const reached = await stage.reach()
    if (reached.join() === expected.join()) return
    if (systemClock.now() > deadline) assert.deepEqual(reached, expected, await stage.nft('list', 'ruleset'))
    t.diagnostic(`${reached.join()} reach it`)
  }
}

for (const family of ['ipv4', 'ipv6'] as const) {
  const { peer, stranger, many } = FAMILIES[family]
  test(`${family}: known addresses reach the port, others do not, and who becomes known does`, bounded, async (t) => {
    const stage = await createStage(t, family)
    assert.deepEqual(await stage.reach(), ['peer', 'stranger'])
    const allow = stage.start()
    await allow.admit(viewOf(family, [peer]))
    await eventually(t, stage, ['peer'])
    await allow.admit(viewOf(family, [peer, stranger]))
    // No waiting: it was let in before this was told.
    assert.deepEqual(await stage.reach(), ['peer', 'stranger'])
    await allow.admit(viewOf(family, [stranger]))
    await eventually(t, stage, ['stranger'])
  })

  test(
    `${family}: among 10,000 peers one comes and one goes, and the table is changed by two elements`,
    bounded,
    async (t) => {
      const stage = await createStage(t, family)
      const all = Array.from({ length: 10_000 }, (_, i) => many(i))
      const allow = stage.start()
      await allow.admit(viewOf(family, all))
      await eventually(t, stage, [])
      const handle = async () =>
        /chain input \{ # handle \d+/.exec(
          await stage.nft('-a', 'list', 'chain', family === 'ipv4' ? 'ip' : 'ip6', 'vtepd-vxlan', 'input'),
        )?.[0]
      const before = await handle()
      assert.ok(before !== undefined)
      await allow.admit(viewOf(family, [...all.slice(1), peer]))
      assert.deepEqual(await stage.reach(), ['peer'])
      const deadline = systemClock.now() + PATIENCE_MS
      while ((await stage.nft('list', 'ruleset')).includes(`${many(0)},`))
        assert.ok(systemClock.now() < deadline, 'shut out')
      assert.equal(await handle(), before)
    },
  )
}

test('without a complete view nobody is shut out, and nobody who was let in before', bounded, async (t) => {
  const stage = await createStage(t, 'ipv4')
  const { peer, stranger } = FAMILIES.ipv4
  const first = stage.start()
  await first.admit(viewOf('ipv4', [], 'the API server is away'))
  assert.deepEqual(await stage.reach(), ['peer', 'stranger'])
  await first.admit(viewOf('ipv4', [peer]))
  await eventually(t, stage, ['peer'])
  await first.admit(viewOf('ipv4', [], 'the API server is away'))
  await first.stop()

  const second = stage.start()
  await second.admit(viewOf('ipv4', [stranger], 'the API server is away'))
  await eventually(t, stage, ['peer', 'stranger'])
  await second.admit(viewOf('ipv4', [stranger]))
  await eventually(t, stage, ['stranger'])
})

test(
  'a flushed ruleset is repaired, a foreign address in the set goes, and with `all` the table goes',
  bounded,
  async (t) => {
    const stage = await createStage(t, 'ipv4')
    const { peer } = FAMILIES.ipv4
    const allow = stage.start()
    await allow.admit(viewOf('ipv4', [peer]))
    await eventually(t, stage, ['peer'])
    await stage.nft('flush', 'ruleset')
    await eventually(t, stage, ['peer'])
    await stage.nft('add element ip vtepd-vxlan peers { 192.0.2.3 }')
    await eventually(t, stage, ['peer'])
    await stage.nft('insert rule ip vtepd-vxlan input accept')
    await eventually(t, stage, ['peer'])
    await allow.stop()
    stage.start(false)
    await eventually(t, stage, ['peer', 'stranger'])
    assert.equal(await stage.nft('list', 'ruleset'), '')
  },
)

test('what the table lacks and has too much is told as commands that mend it', bounded, async (t) => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const netns = await createNetns(t, 'guard')
    const guard = createNftablesGuard({
      family,
      run: runIn(netns),
      openMonitor: (options) => openNftMonitor({ ...options, netns: netns.path }),
      clock: systemClock,
    })
    const { peer, stranger } = FAMILIES[family]
    const wanted = { port: PORT, allowed: new Set([parseIp(peer)]), atLeast: false }
    const table = [family === 'ipv4' ? 'ip' : 'ip6', 'vtepd-vxlan']
    const mended = async (): Promise<readonly string[]> => {
      const { commands } = await guard.compare(wanted)
      await netns.exec('sh', '-e', '-c', commands.join('\n'))
      assert.deepEqual(await guard.compare(wanted), { commands: [], unknown: null })
      assert.equal((await guard.ensure(wanted)).outcome, 'right')
      return commands
    }
    assert.equal((await mended()).length, 5, 'the whole table')
    await netns.exec('nft', 'add', 'element', ...table, 'peers', `{ ${stranger} }`)
    await netns.exec('nft', 'delete', 'element', ...table, 'peers', `{ ${peer} }`)
    assert.equal((await mended()).length, 2)
    await netns.exec('nft', 'flush', 'chain', ...table, 'input')
    await mended()
    await guard.close()
  }
})

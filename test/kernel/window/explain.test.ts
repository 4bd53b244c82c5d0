/** `vtepd explain`: for each thing that can keep a packet from a peer, the hop at which it ends, and a remedy that helps. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { explainWay, type Hop } from '../../../lib/cli/explain/hops.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { openRtnl } from '../../../lib/rtnl/native.ts'
import { ENTRY } from '../../support/agent-process.ts'
import { createNetns, kernelTests, type Netns, type Scope } from '../../support/netns.ts'

type Family = 'ipv4' | 'ipv6'

const WORLD = {
  ipv4: {
    us: '192.168.7.1/24',
    peer: '192.168.7.2',
    own: '10.42.1.0/32',
    subnet: '10.42.2.0/24',
    overlay: '10.42.2.0',
    pod: '10.42.2.23',
    dev: 'flannel.1',
    ip: ['ip'],
    mtu: 1450,
  },
  ipv6: {
    us: 'fd00:7::1/64',
    peer: 'fd00:7::2',
    own: 'fd00:42:0:1::/128',
    subnet: 'fd00:42:0:2::/64',
    overlay: 'fd00:42:0:2::',
    pod: 'fd00:42:0:2::17',
    dev: 'flannel-v6.1',
    ip: ['ip', '-6'],
    mtu: 1430,
  },
} as const

const LLADDR = '0e:00:00:00:00:02'

/** A node as an agent leaves it, by iproute2. */
async function createNode(t: Scope, family: Family): Promise<Netns> {
  const { us, peer, own, subnet, overlay, dev, ip, mtu } = WORLD[family]
  const netns = await createNetns(t, 'explain')
  const run = (line: string): Promise<string> => netns.exec(...(line.split(' ') as [string, ...string[]]))
  await run('ip link add mgmt0 type veth peer name far0')
  for (const link of ['mgmt0', 'far0', 'lo']) await run(`ip link set ${link} up`)
  await run(`ip address add ${us} dev mgmt0${family === 'ipv6' ? ' nodad' : ''}`)
  const local = us.split('/')[0]
  await run(`ip link add ${dev} type vxlan id 1 local ${local} dstport 8472 nolearning`)
  await run(`ip link set ${dev} mtu ${mtu} up`)
  await run(`ip address add ${own} dev ${dev}${family === 'ipv6' ? ' nodad' : ''}`)
  await run(`${ip.join(' ')} neigh replace ${overlay} lladdr ${LLADDR} dev ${dev} nud permanent`)
  await run(`bridge fdb append ${LLADDR} dev ${dev} dst ${peer} self permanent`)
  await run(`${ip.join(' ')} route add ${subnet} via ${overlay} dev ${dev} onlink proto 118 metric 2`)
  return netns
}

async function explained(netns: Netns, family: Family, known: boolean): Promise<readonly Hop[]> {
  const rtnl = openRtnl({ netns: netns.path })
  const expected = { node: 'worker-2', underlay: WORLD[family].peer, lladdr: LLADDR }
  try {
    return await explainWay(rtnl, parseIp(WORLD[family].pod), known ? expected : undefined)
  } finally {
    await rtnl.close()
  }
}

interface Damage {
  readonly what: string
  readonly damage: readonly string[]
  readonly hop: string
  readonly found: RegExp
  /** Only whoever knows what should be sees it. */
  readonly byExpectation?: boolean
  /** The remedy that is shown is a command that helps as it stands, where what should be is known. */
  readonly helps?: boolean
}

function damages(family: Family): readonly Damage[] {
  const { dev, subnet, overlay, peer, ip, pod } = WORLD[family]
  const command = ip.join(' ')
  return [
    {
      what: 'no route',
      damage: [`${command} route del ${subnet}`],
      hop: 'route',
      found: /the kernel says (ENETUNREACH|EACCES)/,
    },
    {
      what: 'a policy rule that refuses',
      damage: [`${command} rule add to ${subnet} priority 99 unreachable`],
      hop: 'route',
      found: /ENETUNREACH, by the policy rule of priority 99/,
    },
    {
      what: 'no neighbour entry',
      damage: [`${command} neigh del ${overlay} dev ${dev}`],
      hop: 'neighbour',
      found: /has none on flannel/,
      helps: true,
    },
    {
      what: 'a neighbour entry with another MAC',
      damage: [`${command} neigh replace ${overlay} lladdr 0e:00:00:00:00:99 dev ${dev} nud permanent`],
      hop: 'neighbour',
      found: /is at 0e:00:00:00:00:99, but worker-2 has 0e:00:00:00:00:02/,
      helps: true,
    },
    {
      what: 'no FDB entry',
      damage: [`bridge fdb del ${LLADDR} dev ${dev} self`],
      hop: 'FDB entry',
      found: /none for 0e:00:00:00:00:02: flannel\S+ drops the packet/,
      helps: true,
    },
    {
      what: 'an FDB entry to elsewhere',
      damage: [`bridge fdb replace ${LLADDR} dev ${dev} dst ${peer}9 self permanent`],
      hop: 'FDB entry',
      found: /but worker-2 is at/,
      byExpectation: true,
      helps: true,
    },
    {
      what: "the peer's underlay address on this host",
      damage: [`ip address add ${peer}/${family === 'ipv4' ? 32 : 128} dev lo${family === 'ipv6' ? ' nodad' : ''}`],
      hop: 'outer end',
      found: /is an address of this host/,
    },
    { what: 'a device that is down', damage: [`ip link set ${dev} down`], hop: 'route', found: /the kernel says/ },
    {
      what: 'another way for pods',
      damage: [
        'ip link add stray0 type veth peer name stray1',
        'ip link set stray1 up',
        'ip link set stray0 up',
        `${command} route add ${pod} dev stray0`,
      ],
      hop: 'direction',
      found: /leaves through stray0, not towards/,
      byExpectation: true,
    },
  ]
}

for (const family of ['ipv4', 'ipv6'] as const) {
  test(
    `${family}: a packet that finds its way is explained to its end, and nothing is called wrong`,
    kernelTests,
    async (t) => {
      const netns = await createNode(t, family)
      for (const known of [true, false]) {
        const hops = await explained(netns, family, known)
        assert.deepEqual(
          hops.filter(({ ends, remedy }) => ends || remedy !== null),
          [],
        )
        assert.deepEqual(
          hops.map(({ name }) => name),
          ['route', 'neighbour', 'FDB entry', 'outer route', 'outer neighbour', 'MTU'],
        )
      }
    },
  )

  for (const { what, damage, hop, found, byExpectation = false, helps = false } of damages(family))
    test(
      `${family}: ${what}: the packet ends at that hop${helps ? ', and the remedy helps' : ''}`,
      kernelTests,
      async (t) => {
        const netns = await createNode(t, family)
        for (const line of damage) {
          const [program = '', ...words] = line.split(' ')
          await netns.exec(program, ...words)
        }
        const hops = await explained(netns, family, true)
        const last = hops.find(({ ends }) => ends)
        assert.equal(last?.name, hop, JSON.stringify(hops))
        assert.match(last?.found ?? '', found)
        assert.ok(last?.remedy !== null || hop === 'outer end')
        assert.equal(
          (await explained(netns, family, false)).some(({ ends }) => ends),
          !byExpectation,
        )
        if (!helps) return
        await netns.exec(...((last?.remedy ?? '').split(' ') as [string, ...string[]]))
        assert.equal(
          (await explained(netns, family, true)).some(({ ends }) => ends),
          false,
        )
      },
    )
}

test('an underlay that is too narrow is a flaw of large packets, named with both numbers', kernelTests, async (t) => {
  const netns = await createNode(t, 'ipv4')
  await netns.exec('ip', 'link', 'set', 'mgmt0', 'mtu', '1400')
  const hops = await explained(netns, 'ipv4', true)
  const mtu = hops.find(({ name }) => name === 'MTU')
  assert.match(mtu?.found ?? '', /mgmt0 takes 1400 bytes, flannel\.1's 1450 and 50 of VXLAN are more/)
  assert.deepEqual([mtu?.ends, mtu?.remedy?.startsWith('set Backend.MTU of net-conf to 1400')], [false, true])
})

test('the command works without an agent, says so, and ends with 1 where a packet would', kernelTests, async (t) => {
  const netns = await createNode(t, 'ipv4')
  const explain = (...words: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const argv = ['netns', 'exec', netns.name, process.execPath, ENTRY, 'explain', ...words, '--run-dir=/nonexistent']
      execFile('ip', argv, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
      )
    })
  const well = await explain('10.42.2.23')
  assert.equal(well.status, 0, well.stderr)
  assert.match(well.stdout, /^10\.42\.2\.23: whose it is, is not known \(no agent to ask: /)
  assert.match(well.stdout, / \+ FDB entry +0e:00:00:00:00:02 is behind 192\.168\.7\.2\n/)
  await netns.exec('bridge', 'fdb', 'del', LLADDR, 'dev', 'flannel.1', 'self')
  const broken = await explain('10.42.2.23', '--json')
  assert.equal(broken.status, 1)
  const { hops } = JSON.parse(broken.stdout) as { hops: readonly Hop[] }
  assert.deepEqual(
    hops.filter(({ ends }) => ends).map(({ name }) => name),
    ['FDB entry'],
  )
  assert.equal((await explain('banana')).status, 2)
})

/** `vtepd cleanup` on the real kernel, in namespaces that agents of several VNIs might have left. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createNetns, kernelTests, type Netns } from '../../support/netns.ts'

const MAIN = path.resolve(import.meta.dirname, '../../../lib/cli/main.ts')

interface Host {
  readonly netns: Netns
  readonly folder: string
  /** Runs `ip` with these arguments, blanks between them. */
  ip(command: string): Promise<string>
  /** `flannel.VNI` (or v6), whose MAC address ends in `mac`, with one route of ours through it. */
  device(vni: number, mac: string, subnet: string): Promise<void>
  /** Writes what an agent of these days keeps; without network: an older one. */
  keep(device: string, mac: string, network?: string): void
  /** The namespace's routes of protocol 118, both families, sorted: `10.42.1.0/24 dev eth0`. */
  routes(): Promise<readonly string[]>
  cleanup(...argv: string[]): Outcome
}

interface Outcome {
  readonly status: number | null
  readonly vnis: readonly number[]
  readonly removed: readonly string[]
  readonly failures: readonly { readonly kind: string; readonly subject: string; readonly because: string }[]
  readonly notes: readonly string[]
  readonly stderr: string
}

async function host(t: TestContext): Promise<Host> {
  const netns = await createNetns(t, 'cleanup')
  const ip = (command: string): Promise<string> => netns.exec('ip', ...command.split(' '))
  await ip('link add eth0 type veth peer name far0')
  for (const link of ['eth0', 'far0']) await ip(`link set ${link} up`)
  await ip('address add 192.0.2.1/24 dev eth0')
  await ip('address add 2001:db8::1/64 dev eth0 nodad')
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-cleanup-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(`${folder}/state`)
  const kept = (name: string, content: object): void =>
    writeFileSync(`${folder}/state/${name}.json`, `${JSON.stringify({ version: 1, ...content })}\n`)
  return {
    netns,
    folder,
    ip,
    async device(vni, mac, subnet) {
      const [name, local] = subnet.includes(':') ? ['flannel-v6', '2001:db8::1'] : ['flannel', '192.0.2.1']
      const dev = `${name}.${vni}`
      await ip(`link add ${dev} address ${macOf(mac)} type vxlan id ${vni} local ${local} dstport 8472 nolearning`)
      await ip(`link set ${dev} up`)
      await ip(`route add ${subnet} via ${subnet.replace(/\/.*/, '')} dev ${dev} onlink proto 118 metric 2`)
    },
    keep(device, mac, network) {
      kept(`${device}.lladdr`, { lladdr: macOf(mac) })
      if (network !== undefined) kept(`${device}.network`, { network })
    },
    async routes() {
      const lines = `${await ip('-4 route show proto 118')}\n${await ip('-6 route show proto 118')}`.split('\n')
      return lines.flatMap((line) => /^(\S+) .*(dev \S+)/.exec(line)?.slice(1).join(' ') ?? []).sort()
    },
    cleanup(...argv) {
      const places = [
        `--net-config-path=${folder}/net-conf.json`,
        `--subnet-file=${folder}/subnet.env`,
        `--run-dir=${folder}/run`,
        `--state-dir=${folder}/state`,
      ]
      const command = [process.execPath, '--import', 'tsx', MAIN, 'cleanup', '--json', ...places, ...argv]
      const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', netns.name, ...command], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      if (stdout === '') return { status, vnis: [], removed: [], failures: [], notes: [], stderr }
      const report = JSON.parse(stdout)
      assert.deepEqual(Object.keys(report), ['dryRun', 'vnis', 'removals', 'failures', 'notes'])
      const removed = report.removals.map(
        ({ kind, subject }: { kind: string; subject: string }) => `${kind} ${subject}`,
      )
      return { status, stderr, removed, vnis: report.vnis, failures: report.failures, notes: report.notes }
    },
  }
}

const macOf = (end: string): string => `0e:00:00:00:00:${end}`
const direct = (here: Host, prefix: string): Promise<string> =>
  here.ip(`route add ${prefix} via ${prefix.includes(':') ? '2001:db8::9' : '192.0.2.9'} dev eth0 proto 118 metric 3`)
const links = async (here: Host): Promise<string> => here.ip('-o link show type vxlan')

/** Holds the lock of `device` in the namespace, as an agent does, until the test ends. */
async function hold(t: TestContext, here: Host, device: string): Promise<void> {
  const script = `require('net').createServer((c) => c.end('{"pid":7,"program":"vtepd"}\\n')).listen({path: '\\0vtepd/${device}'}, () => console.log('held'))`
  const child = spawn('ip', ['netns', 'exec', here.netns.name, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
}

test(
  'without net-conf, the state folder and protocol 118 tell: VNI 4096, both families, direct routes and files',
  kernelTests,
  async (t) => {
    const here = await host(t)
    await here.device(4096, '01', '10.42.1.0/24')
    await here.device(4096, '02', 'fd42:0:0:1::/64')
    here.keep('flannel.4096', '01', '10.42.0.0/16')
    here.keep('flannel-v6.4096', '02', 'fd42::/48')
    writeFileSync(`${here.folder}/state/.flannel.4096.network.json.42.1.tmp`, '{"ver')
    await direct(here, '10.42.2.0/24')
    await direct(here, 'fd42:0:0:2::/64')
    const look = here.cleanup('--dry-run')
    assert.deepEqual([look.status, look.vnis, look.removed.length, look.failures], [0, [4096], 12, []])
    assert.equal((await here.routes()).length, 4)
    const done = here.cleanup()
    assert.deepEqual([done.status, done.failures, done.notes], [0, [], []])
    // Between the two looks the kernel adds neighbours of its own (multicast groups).
    const counted = (texts: readonly string[]) => texts.map((text) => text.replace(/ \(VXLAN, .*/, ''))
    assert.deepEqual(counted(done.removed), counted(look.removed))
    assert.deepEqual([await here.routes(), await links(here), existsSync(`${here.folder}/state`)], [[], '', false])
    assert.deepEqual(here.cleanup().removed, [])
  },
)

test('without net-conf and state folder, the devices that carry routes of ours tell', kernelTests, async (t) => {
  const here = await host(t)
  await here.device(4096, '02', 'fd42:0:0:1::/64')
  await direct(here, 'fd42:0:0:2::/64')
  const done = here.cleanup()
  assert.deepEqual([done.status, done.vnis, await here.routes(), await links(here)], [0, [4096], [], ''])
})

test(
  "another VNI's device, direct routes and files are never touched; without --vni both go",
  kernelTests,
  async (t) => {
    const here = await host(t)
    await here.device(1, '01', '10.42.1.0/24')
    await here.device(4096, '02', '10.43.1.0/24')
    here.keep('flannel.1', '01', '10.42.0.0/16')
    here.keep('flannel.4096', '02', '10.43.0.0/16')
    for (const prefix of ['10.42.2.0/24', '10.43.2.0/24']) await direct(here, prefix)
    await here.ip('route add 10.42.3.0/24 via 192.0.2.9 dev eth0 proto 118 table 100')
    const done = here.cleanup('--vni=1')
    assert.deepEqual([done.status, done.vnis, done.failures], [0, [1], []])
    assert.deepEqual(await here.routes(), ['10.43.1.0/24 dev flannel.4096', '10.43.2.0/24 dev eth0'])
    assert.deepEqual(readdirSync(`${here.folder}/state`).sort(), [
      'flannel.4096.lladdr.json',
      'flannel.4096.network.json',
    ])
    assert.deepEqual([here.cleanup().status, await here.routes(), await links(here)], [0, [], ''])
    assert.notEqual(await here.ip('route show table 100'), '')
  },
)

test('what a running agent keeps is left and named, and the status says that it stays', kernelTests, async (t) => {
  const here = await host(t)
  await here.device(1, '01', '10.42.1.0/24')
  await here.device(4096, '02', '10.43.1.0/24')
  here.keep('flannel.1', '01', '10.42.0.0/16')
  here.keep('flannel.4096', '02', '10.43.0.0/16')
  for (const prefix of ['10.42.2.0/24', '10.43.2.0/24']) await direct(here, prefix)
  writeFileSync(`${here.folder}/subnet.env`, 'FLANNEL_NETWORK=10.43.0.0/16\nFLANNEL_SUBNET=10.43.0.1/24\n')
  await hold(t, here, 'flannel.4096')
  const asked = here.cleanup('--vni=4096')
  assert.equal(asked.status, 1)
  assert.match(asked.stderr, /flannel\.4096 is already kept by vtepd \(process 7\)/)
  const done = here.cleanup()
  assert.deepEqual([done.status, done.vnis], [1, [1]])
  assert.deepEqual(done.failures, [
    { kind: 'device', subject: 'flannel.4096', because: 'vtepd (process 7) keeps it: stop that one first' },
  ])
  assert.deepEqual(await here.routes(), ['10.43.1.0/24 dev flannel.4096', '10.43.2.0/24 dev eth0'])
  assert.equal(readdirSync(`${here.folder}/state`).length, 2)
  assert.ok(existsSync(`${here.folder}/subnet.env`))
  assert.deepEqual([here.cleanup('--force').status, await here.routes()], [0, []])
})

test(
  'a direct route that an older agent left beside another VNI stays, until its network is named',
  kernelTests,
  async (t) => {
    const here = await host(t)
    await here.device(1, '01', '10.42.1.0/24')
    await here.device(4096, '02', '10.43.1.0/24')
    here.keep('flannel.1', '01')
    for (const prefix of ['10.42.2.0/24', '10.43.2.0/24']) await direct(here, prefix)
    const look = here.cleanup('--vni=1', '--dry-run')
    const done = here.cleanup('--vni=1')
    for (const { status, failures } of [look, done]) {
      assert.equal(status, 1)
      assert.deepEqual(
        failures.map(({ kind, subject }) => `${kind} ${subject}`),
        [
          'route 10.42.2.0/24 via 192.0.2.9 dev eth0 metric 3 proto 118',
          'route 10.43.2.0/24 via 192.0.2.9 dev eth0 metric 3 proto 118',
        ],
      )
      assert.match(failures[0]?.because ?? '', /^VNI 4096 is here too, .* --net-config-path$/)
    }
    writeFileSync(`${here.folder}/net-conf.json`, '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan"}}')
    assert.equal(here.cleanup('--vni=1').status, 0)
    assert.deepEqual(await here.routes(), ['10.43.1.0/24 dev flannel.4096', '10.43.2.0/24 dev eth0'])
  },
)

test('a renamed device is known by its MAC address; one that was moved away is told of', kernelTests, async (t) => {
  const here = await host(t)
  const away = await createNetns(t, 'away')
  for (const [device, mac] of [
    ['flannel.7', '07'],
    ['flannel.8', '08'],
    ['flannel.9', '09'],
  ] as const) {
    const vni = device.slice(8)
    await here.ip(`link add ${device} address ${macOf(mac)} type vxlan id ${vni} local 192.0.2.1 dstport 8472`)
    here.keep(device, mac, '10.42.0.0/16')
  }
  await here.ip('link set flannel.7 name seven')
  await here.ip(`link set flannel.8 name eight address ${macOf('88')}`)
  await here.ip(`link set flannel.9 netns ${away.name}`)
  const done = here.cleanup()
  assert.equal(done.status, 0)
  assert.ok(done.removed.some((text) => text.startsWith('device seven (VXLAN, VNI 7; ')))
  assert.match(await links(here), /^\d+: eight:.*\n$/)
  assert.equal(done.notes.length, 2)
  assert.match(done.notes.join('\n'), /^eight has VNI 8 under another name, and the MAC address 0e:.*:88, not ours/m)
  assert.match(done.notes.join('\n'), /^flannel\.9 is not here, though .*another network namespace/m)
})

test('device and routes gone, files left: they go, and what cannot go gives status 1', kernelTests, async (t) => {
  const here = await host(t)
  here.keep('flannel.4096', '01', '10.42.0.0/16')
  const state = `${here.folder}/state`
  execFileSync('mount', ['--bind', state, state])
  let refused: Outcome
  try {
    execFileSync('mount', ['-o', 'remount,bind,ro', state])
    refused = here.cleanup()
  } finally {
    execFileSync('umount', [state])
  }
  assert.equal(refused.status, 1)
  assert.deepEqual(
    refused.failures.map(({ kind, subject, because }) => `${kind} ${path.basename(subject)}: ${because}`).sort(),
    ['file flannel.4096.lladdr.json: EROFS', 'file flannel.4096.network.json: EROFS'],
  )
  assert.deepEqual([here.cleanup().status, existsSync(state)], [0, false])
})

test('a net-conf of another backend does not hinder where the state folder tells the VNI', kernelTests, async (t) => {
  const here = await host(t)
  writeFileSync(`${here.folder}/net-conf.json`, '{"Network":"10.42.0.0/16","Backend":{"Type":"wireguard"}}')
  const lost = here.cleanup()
  assert.equal(lost.status, 2)
  assert.match(lost.stderr, /Backend\.Type/)
  await here.device(4096, '01', '10.42.1.0/24')
  here.keep('flannel.4096', '01', '10.42.0.0/16')
  const done = here.cleanup()
  assert.deepEqual([done.status, await here.routes(), await links(here)], [0, [], ''])
  assert.match(done.notes.join('\n'), /^not used: .*host-gw/)
})

/** Settings of the host on a fake /proc/sys; on a real one: test/kernel/host-settings.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHostSettings, type HostSettingsParts } from '../../lib/agent/host-settings.ts'
import type { Log } from '../../lib/util/log.ts'
import { createManualClock } from '../support/manual-clock.ts'

const RIGHT = {
  'net/ipv4/ip_forward': '1',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/flannel.1/rp_filter': '0',
  'net/ipv4/conf/flannel.1/forwarding': '1',
  'net/bridge/bridge-nf-call-iptables': '1',
  'net/ipv6/conf/all/forwarding': '1',
  'net/bridge/bridge-nf-call-ip6tables': '1',
}

interface Options extends Partial<Pick<HostSettingsParts, 'mode' | 'families'>> {
  /** Beside what is right. */
  readonly values?: Readonly<Record<string, string>>
  readonly without?: readonly string[]
  readonly refuse?: (key: string) => string | undefined
  readonly advertised?: readonly string[]
}

function setUp({ values = {}, without = [], refuse = () => undefined, advertised = [], ...options }: Options) {
  const clock = createManualClock()
  const sys = new Map(Object.entries({ ...RIGHT, ...values }).filter(([key]) => !without.includes(key)))
  const writes: string[] = []
  const lines: string[] = []
  const log: Log = {
    debug() {},
    info: (event, message) => void lines.push(`${event} ${message}`),
    warn: (event, message) => void lines.push(`${event} ${message}`),
    error: (event, message) => void lines.push(`${event} ${message}`),
    with: () => log,
  }
  const settings = createHostSettings({
    mode: 'set',
    families: () => [{ family: 'ipv4', device: 'flannel.1' }],
    sysctl: {
      read: async (key) => sys.get(key),
      async write(key, value) {
        const errno = refuse(key)
        if (errno !== undefined) return { written: false, errno }
        writes.push(`${key}=${value}`)
        sys.set(key, value)
        return { written: true }
      },
    },
    advertisedLinks: async () => advertised,
    clock,
    log,
    contain: (error) => lines.push(`bug ${String(error)}`),
    onChange: () => undefined,
    ...options,
  })
  return { clock, sys, writes, lines, settings, fault: () => settings.checks[0]?.fault }
}

const dual = (): ReturnType<HostSettingsParts['families']> => [
  { family: 'ipv4', device: 'flannel.1' },
  { family: 'ipv6', device: 'flannel-v6.1' },
]

test('what is right is neither written nor told', async () => {
  const { clock, writes, lines, settings, fault } = setUp({ families: dual })
  await clock.run(60_000)
  assert.deepEqual([writes, lines, fault()], [[], [], undefined])
  await settings.stop()
  assert.equal(clock.pending, 0)
})

test('what is off is set and told once, and again when it is lost', async () => {
  const { clock, sys, writes, lines, settings, fault } = setUp({
    values: {
      'net/ipv4/ip_forward': '0',
      'net/ipv4/conf/all/rp_filter': '1',
      'net/bridge/bridge-nf-call-iptables': '0',
    },
  })
  assert.equal(fault(), 'is to be looked at')
  await clock.run(1)
  assert.deepEqual(writes, [
    'net/ipv4/ip_forward=1',
    'net/ipv4/conf/flannel.1/rp_filter=2',
    'net/bridge/bridge-nf-call-iptables=1',
  ])
  assert.ok(lines.every((line) => /^host\.sysctl-set \S+ was [01], set to [12]: \w/.test(line)))
  assert.equal(sys.get('net/ipv4/conf/all/rp_filter'), '1', 'nobody else is concerned')
  assert.equal(fault(), undefined)
  await clock.run(60_000)
  assert.equal(writes.length, 3)
  sys.set('net/ipv4/ip_forward', '0')
  await clock.run(5000)
  assert.equal(sys.get('net/ipv4/ip_forward'), '1')
  await settings.stop()
})

test('where it may not set them, or cannot, each is named once with its remedy, and forwarding makes unready', async () => {
  for (const options of [{ mode: 'warn' as const }, { refuse: () => 'EROFS' }]) {
    const { clock, sys, writes, lines, settings, fault } = setUp({
      ...options,
      values: { 'net/ipv4/ip_forward': '0', 'net/bridge/bridge-nf-call-iptables': '0' },
    })
    await clock.run(120_000)
    assert.deepEqual(writes, [])
    assert.equal(lines.length, 1, 'lib/way tells that of forwarding')
    assert.match(
      lines[0] ?? '',
      /^host\.sysctl net\.bridge\.bridge-nf-call-iptables is 0, and vtepd (?:is not to|cannot) set it.*: sysctl -w net\.bridge\.bridge-nf-call-iptables=1, and in \/etc\/sysctl\.d/,
    )
    assert.match(fault() ?? '', /^net\.ipv4\.ip_forward is 0, .*sysctl -w net\.ipv4\.ip_forward=1/)
    sys.set('net/ipv4/ip_forward', '1')
    await clock.run(5000)
    assert.equal(fault(), undefined)
    await settings.stop()
  }
})

test("with --host-sysctls=warn what is our own device's is set all the same", async () => {
  const { clock, writes, settings } = setUp({
    mode: 'warn',
    values: { 'net/ipv4/conf/flannel.1/rp_filter': '1', 'net/ipv4/conf/flannel.1/forwarding': '0' },
  })
  await clock.run(1)
  assert.deepEqual(writes, ['net/ipv4/conf/flannel.1/forwarding=1', 'net/ipv4/conf/flannel.1/rp_filter=2'])
  await settings.stop()
})

test('without br_netfilter there is one line with the command that loads it', async () => {
  const without = ['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables']
  const { clock, lines, settings, fault } = setUp({ families: dual, without })
  await clock.run(120_000)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /br_netfilter is not loaded: modprobe br_netfilter/)
  assert.equal(fault(), undefined)
  await settings.stop()
})

test('a program that sets it back again and again is answered every half minute at most, and named once', async () => {
  const { clock, sys, writes, lines, settings, fault } = setUp({})
  for (let second = 0; second < 600; second += 5) {
    sys.set('net/ipv4/ip_forward', '0')
    sys.set('net/bridge/bridge-nf-call-iptables', '0')
    await clock.run(5000)
  }
  assert.ok(writes.length < 50, `${writes.length} writes in ten minutes`)
  assert.match(fault() ?? '', /another program sets it back/)
  assert.equal(lines.filter((line) => line.startsWith('host.sysctl ')).length, 1)
  await settings.stop()
})

test('before IPv6 forwarding is on, links that live by router advertisements go on hearing them', async () => {
  const { clock, sys, writes, settings } = setUp({
    families: dual,
    advertised: ['eth0', 'static0'],
    values: {
      'net/ipv6/conf/all/forwarding': '0',
      'net/ipv6/conf/eth0/accept_ra': '1',
      'net/ipv6/conf/static0/accept_ra': '0',
    },
  })
  await clock.run(1)
  assert.deepEqual(writes, ['net/ipv6/conf/eth0/accept_ra=2', 'net/ipv6/conf/all/forwarding=1'])
  // The interface is made anew.
  sys.set('net/ipv6/conf/eth0/accept_ra', '1')
  await clock.run(5000)
  assert.equal(sys.get('net/ipv6/conf/eth0/accept_ra'), '2')
  await settings.stop()
})

test('IPv6 forwarding stays off where it would cost the default route', async () => {
  const { clock, writes, settings, fault } = setUp({
    families: dual,
    advertised: ['eth0'],
    refuse: (key) => (key.endsWith('accept_ra') ? 'EACCES' : undefined),
    values: { 'net/ipv6/conf/all/forwarding': '0', 'net/ipv6/conf/eth0/accept_ra': '1' },
  })
  await clock.run(5000)
  assert.deepEqual(writes, [])
  assert.match(
    fault() ?? '',
    /eth0 has routes from router advertisements.*sysctl -w net\.ipv6\.conf\.eth0\.accept_ra=2/,
  )
  await settings.stop()
})

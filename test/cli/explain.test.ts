/** What hangs on a link, and the kernel's full tables, told from what the tools show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkHops } from '../../lib/cli/explain/link-hops.ts'
import type { RunProgram } from '../../lib/host/exec.ts'
import { vxlanLink } from '../device/support.ts'

const eth0 = { ...vxlanLink({ ifname: 'eth0', kind: '' }), vxlan: undefined }

/** Programs that answer to their words; the others are missing. */
function tools(answers: Readonly<Record<string, string>>): RunProgram {
  return async (program, args) => {
    const stdout = answers[[program, ...args].join(' ')]
    return stdout === undefined ? { outcome: 'missing' } : { outcome: 'exited', status: 0, stdout, stderr: '' }
  }
}

const XDP = `2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 xdpgeneric qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff
    prog/xdp id 42 name drop_all tag 57cd311f2e27366b jited
`
const NO_XDP = XDP.replace(' xdpgeneric', '').replace(/ {4}prog.*\n/, '')
const FILTER = `filter protocol all pref 1 bpf chain 0 handle 0x1 shop.o:[egress] direct-action not_in_hw id 7
`

async function told(answers: Readonly<Record<string, string>>, sysctls: Readonly<Record<string, string>> = {}) {
  const hops = await linkHops(eth0, tools(answers), async (key) => sysctls[key])
  return hops.map(({ name, found, remedy }) => `${name}: ${found} → ${remedy}`)
}

test('a link without anything has nothing told, and without the tools neither', async () => {
  assert.deepEqual(await told({}), [])
  assert.deepEqual(
    await told({
      'ip -d link show dev eth0': NO_XDP,
      'tc qdisc show dev eth0': 'qdisc clsact ffff: parent ffff:fff1\nqdisc mq 0: root\n',
      'tc filter show dev eth0 ingress': '',
      'tc filter show dev eth0 egress': '',
    }),
    [],
  )
})

test('an XDP program, tc filters and a queue that loses on purpose are named, each with the command that removes it', async () => {
  const [xdp, netem, egress] = await told({
    'ip -d link show dev eth0': XDP,
    'tc qdisc show dev eth0':
      'qdisc netem 8001: root refcnt 2 limit 1000 loss 30%\nqdisc clsact ffff: parent ffff:fff1\n',
    'tc filter show dev eth0 ingress': '',
    'tc filter show dev eth0 egress': FILTER,
  })
  assert.match(xdp ?? '', /^XDP: the XDP program 42 on eth0 .* → ip link set dev eth0 xdp off/)
  assert.match(netem ?? '', /^tc: eth0 loses or delays on purpose: qdisc netem .* → tc qdisc del dev eth0 root$/)
  assert.match(egress ?? '', /^tc: eth0 has filters that may drop at egress: filter .* → tc filter del dev eth0 egress/)
})

test('a connection table that is full is named with a larger one; one with room is not', async () => {
  const sysctls = (count: string) => ({
    'net/netfilter/nf_conntrack_count': count,
    'net/netfilter/nf_conntrack_max': '1000',
  })
  assert.deepEqual(await told({}, sysctls('900')), [])
  const [full] = await told({}, sysctls('990'))
  assert.match(full ?? '', /^conntrack: 990 of 1000 .* → sysctl -w net\.netfilter\.nf_conntrack_max=4000/)
})

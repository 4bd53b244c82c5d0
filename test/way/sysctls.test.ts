import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sysctlName, sysctlRemedy, wantedSysctls, willDo } from '../../lib/way/sysctls.ts'

test('each family wants its forwarding and its bridge netfilter; IPv4 its device too', () => {
  const keysOf = (...args: Parameters<typeof wantedSysctls>) => wantedSysctls(...args).map(({ key }) => key)
  assert.deepEqual(keysOf('ipv4', 'flannel.1'), [
    'net/ipv4/ip_forward',
    'net/ipv4/conf/flannel.1/forwarding',
    'net/ipv4/conf/flannel.1/rp_filter',
    'net/bridge/bridge-nf-call-iptables',
  ])
  assert.deepEqual(keysOf('ipv4', undefined), ['net/ipv4/ip_forward', 'net/bridge/bridge-nf-call-iptables'])
  assert.deepEqual(keysOf('ipv6', 'flannel-v6.1'), [
    'net/ipv6/conf/all/forwarding',
    'net/bridge/bridge-nf-call-ip6tables',
  ])
})

test('of rp_filter the greater of the device and all counts, and only strict will not do', () => {
  const wish = wantedSysctls('ipv4', 'flannel.1').find(({ key }) => key.endsWith('rp_filter'))
  assert.ok(wish)
  for (const [own, all, right] of [
    ['0', '0', true],
    ['2', '1', true],
    ['1', '2', true],
    ['0', undefined, true],
    ['1', '0', false],
    ['0', '1', false],
    ['1', undefined, false],
  ] as const)
    assert.equal(willDo(wish, own, all), right, `${own} ${all}`)
  assert.equal(wish.value, '2')
})

test('a remedy is a command that sysctl understands, dots in a name of a link too', () => {
  assert.equal(sysctlName('net/ipv4/ip_forward'), 'net.ipv4.ip_forward')
  assert.equal(
    sysctlRemedy({ key: 'net/ipv4/conf/flannel.1/rp_filter', value: '2' }),
    'sysctl -w net/ipv4/conf/flannel.1/rp_filter=2, and in /etc/sysctl.d for the next start',
  )
})

/** Which rule is named for what the kernel answered, of many that could be meant. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { ruleForRefusal, ruleForTable } from '../../lib/way/rules.ts'
import { ruleOf } from '../overlay/support/cluster.ts'

const POD = { dst: parseIp('10.42.2.2'), source: parseIp('10.42.1.2'), iif: 'cni0', oif: undefined }
const OWN = { dst: parseIp('10.42.2.2'), source: undefined, iif: undefined, oif: undefined }

const OTHERS = [
  ruleOf({ priority: 0, table: 52 }),
  ruleOf({ priority: 10, table: 52, fwmark: { value: 0x80000, mask: 0xff0000 } }),
  ruleOf({ priority: 11, table: 52, dst: parseCidr('10.43.0.0/16') }),
  ruleOf({ priority: 12, table: 52, src: parseCidr('192.168.0.0/16') }),
  ruleOf({ priority: 13, table: 52, oif: 'eth0' }),
  ruleOf({ priority: 14, table: 52, iif: 'eth0' }),
  ruleOf({ priority: 15, table: 52, inverted: true }),
  ruleOf({ priority: 16, table: 52, more: true }),
  ruleOf({ priority: 17, table: 53 }),
  ruleOf({ priority: 18, table: 52, action: 8, dst: parseCidr('10.43.0.0/16') }),
  ruleOf({ priority: 32_766, table: 52 }),
]

test('the rule is named that selects the packet and has the table looked up', () => {
  for (const rule of [
    ruleOf({ priority: 100, table: 52 }),
    ruleOf({ priority: 100, table: 52, dst: parseCidr('10.42.0.0/16') }),
    ruleOf({ priority: 100, table: 52, src: parseCidr('10.42.1.0/24') }),
    ruleOf({ priority: 100, table: 52, iif: 'cni0' }),
    ruleOf({ priority: 100, table: 52, fwmark: { value: 0, mask: 0xff } }),
    ruleOf({ priority: 100, table: 52, fwmark: { value: 1, mask: 0xff }, inverted: true }),
  ])
    assert.equal(ruleForTable([...OTHERS, rule], POD, 52)?.priority, 100, JSON.stringify(rule))
  const own = ruleOf({ priority: 100, table: 52, iif: 'lo' })
  assert.equal(ruleForTable([...OTHERS, own], OWN, 52)?.priority, 100)
})

test('a rule with selectors that are not known is named where no other fits', () => {
  assert.equal(ruleForTable(OTHERS, POD, 52)?.priority, 16)
  assert.equal(ruleForTable([ruleOf({ priority: 9, table: 1 })], POD, 52), undefined)
})

test('of a refusal the rule is named that refuses so, else the one whose table may hold a route that does', () => {
  const prohibits = ruleOf({ priority: 200, table: 0, action: 8 })
  assert.equal(ruleForRefusal([...OTHERS, prohibits], POD, 'EACCES')?.priority, 200)
  assert.equal(ruleForRefusal([...OTHERS, prohibits], POD, 'EHOSTUNREACH')?.priority, 17)
  assert.equal(ruleForRefusal([ruleOf({ priority: 5, table: 254 })], POD, 'EACCES'), undefined)
})

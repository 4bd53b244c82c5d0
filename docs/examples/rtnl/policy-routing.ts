// A table of its own for marked packets and for one source, as a second uplink has it.
import { openRtnl, parseCidr, parseIp } from 'vtepd/rtnl'

const TABLE = 100
const MARK = 0x10
const rtnl = openRtnl()
const { ifindex } = await rtnl.createBridge({ ifname: 'uplink0', up: true })
const rules = [
  { family: 'ipv4', priority: 1000, fwmark: { value: MARK }, table: TABLE },
  { priority: 1001, src: parseCidr('192.0.2.1/32'), table: TABLE },
] as const
try {
  await rtnl.addAddress({ ifindex, ip: parseIp('192.0.2.1'), prefixLength: 24 })
  await rtnl.addAddress({ ifindex, ip: parseIp('203.0.113.1'), prefixLength: 24 })
  await rtnl.addRoute({ dst: parseCidr('0.0.0.0/0'), gateway: parseIp('203.0.113.254'), oif: ifindex })
  await rtnl.addRoute({ dst: parseCidr('0.0.0.0/0'), gateway: parseIp('192.0.2.254'), oif: ifindex, table: TABLE })
  for (const rule of rules) await rtnl.addRule(rule)

  const far = parseIp('198.51.100.7')
  const lookups = { unmarked: {}, marked: { mark: MARK }, 'from 192.0.2.1': { source: parseIp('192.0.2.1') } }
  for (const [what, lookup] of Object.entries(lookups)) {
    const { gateway, table } = await rtnl.resolve(far, lookup)
    console.log(`${what}: via ${gateway}, table ${table}`)
  }
} finally {
  for (const rule of rules) await rtnl.deleteRule(rule).catch(() => {})
  await rtnl.deleteLink(ifindex)
  await rtnl.close()
}

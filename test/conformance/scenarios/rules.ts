/** Policy rules: what is dumped and heard of them, and which way they send packets. */
import type { Scenario } from '../stage.ts'
import { overlay, PLANS } from './parts.ts'

export const rules = new Map<string, Scenario>()

for (const family of ['ipv4', 'ipv6'] as const) {
  const { peers, local } = PLANS[family]
  const [one = never(), two = never()] = peers
  const [pod, pods, far, zero] =
    family === 'ipv4'
      ? (['10.42.1.7', '10.42.0.0/16', '203.0.113.9', '0.0.0.0/0'] as const)
      : (['fd00:42:1::7', 'fd00:42::/32', '2001:db8:ffff::9', '::/0'] as const)

  rules.set(`${family}: a rule catches packets before the main table`, async (stage) => {
    await overlay(stage, family)
    const forwarded = { iif: 'p0', source: pod } as const
    await stage.admin.setForwarding(true)
    await stage.admin.replaceRoute({ dst: one.subnet, via: two.remote, dev: 'u0', table: 52 })
    await stage.resolve(one.gateway)
    await stage.admin.addRule({ family, priority: 5270, table: 52 })
    await stage.resolve(one.gateway)
    await stage.resolve(one.gateway, forwarded)
    await stage.resolve(two.gateway)
    await stage.resolve(local)
    await stage.admin.addRule({ family, priority: 5270, table: 52 })
    await stage.admin.deleteRoute({ dst: one.subnet, table: 52 })
    await stage.resolve(one.gateway)
    await stage.admin.deleteRule({ family, priority: 5270, table: 52 })
    await stage.admin.deleteRule({ family, priority: 5270, table: 52 })
    await stage.resolve(local)
  })
  rules.set(`${family}: every selector counts`, async (stage) => {
    await overlay(stage, family)
    const forwarded = { iif: 'p0', source: pod } as const
    await stage.admin.setForwarding(true)
    await stage.admin.replaceRoute({ dst: zero, via: two.remote, dev: 'u0', table: 70000 })
    const common = { family, table: 70000 } as const
    await stage.admin.addRule({ ...common, priority: 100, from: pods, iif: 'p0' })
    await stage.resolve(one.gateway, forwarded)
    await stage.resolve(one.gateway)
    await stage.admin.addRule({ ...common, priority: 101, oif: 'u0', to: `${far}/${family === 'ipv4' ? 32 : 128}` })
    await stage.resolve(far)
    await stage.resolve(far, { oif: 'u0' })
    await stage.admin.addRule({ ...common, priority: 102, fwmark: { value: 0x40, mask: 0xc0 } })
    for (const mark of [0x40, 0x140, 0x80, 0xc0]) await stage.resolve(far, { mark })
    await stage.admin.deleteRule({ ...common, priority: 100, from: pods, iif: 'p0' })
    await stage.admin.addRule({ ...common, priority: 103, not: true, fwmark: { value: 7, mask: 0xffffffff } })
    await stage.resolve(far)
    await stage.resolve(far, { mark: 7 })
    await stage.admin.addRule({ ...common, priority: 104, vxlanPort: true })
    await stage.admin.addRule({ ...common, priority: 105, iif: 'nowhere' })
    await stage.admin.addRule({ ...common, priority: 106, iif: 'lo' })
    await stage.resolve(far, { mark: 7 })
  })
  rules.set(`${family}: rules refuse, and a thrown packet goes on`, async (stage) => {
    await overlay(stage, family)
    const forwarded = { iif: 'p0', source: pod } as const
    await stage.admin.setForwarding(true)
    for (const action of ['blackhole', 'unreachable', 'prohibit'] as const) {
      await stage.admin.addRule({ family, priority: 50, action, to: one.subnet })
      await stage.resolve(one.gateway)
      await stage.resolve(one.gateway, forwarded)
      await stage.resolve(one.gateway, { oif: 'v1' })
      await stage.resolve(two.gateway)
      await stage.admin.deleteRule({ family, priority: 50, action, to: one.subnet })
    }
    await stage.admin.addRule({ family, priority: 60, table: 52 })
    await stage.admin.replaceRoute({ dst: one.subnet, type: 9, table: 52 })
    await stage.admin.replaceRoute({ dst: zero, via: two.remote, dev: 'u0', table: 52 })
    await stage.resolve(one.gateway)
    await stage.resolve(far)
    await stage.admin.setDown('u0')
    await stage.resolve(far)
    await stage.admin.setUp('u0')
    await stage.resolve(far)
  })
}

function never(): never {
  throw new RangeError('every plan has two peers')
}

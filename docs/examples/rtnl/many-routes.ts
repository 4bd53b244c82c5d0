// 100,000 routes in one packed batch: node many-routes.js [COUNT]
import { createEntryWriter, openRtnl, parseCidr, RTN_UNICAST, RTPROT_BOOT } from 'vtepd/rtnl'

const count = Number(process.argv[2] ?? 100_000)
const rtnl = openRtnl()
const { ifindex } = await rtnl.createBridge({ ifname: 'many0', up: true })
try {
  const began = performance.now()
  const writer = createEntryWriter(count)
  for (let i = 0; i < count; i += 1)
    writer.push('create', {
      kind: 'route',
      dst: parseCidr(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`),
      metric: 0,
      gateway: undefined,
      oif: ifindex,
      onlink: false,
      protocol: RTPROT_BOOT,
      type: RTN_UNICAST,
      scope: 253,
      extras: false,
      dead: false,
      multipath: false,
    })
  // Off the JavaScript thread; refused entries are named in `failures`, the others are done all the same.
  const { failures, unknown } = await rtnl.applyEntries(writer.finish())
  const seconds = (performance.now() - began) / 1000
  console.log(`${count - failures.length - unknown} routes in ${seconds.toFixed(2)} s`)
  for (const { index, errnoName, extack } of failures.slice(0, 3)) console.log(index, errnoName, extack)

  const routes = await rtnl.dumpRoutes('ipv4')
  console.log(`${routes.value.length} routes dumped`)
  rtnl.release(routes.value)
} finally {
  await rtnl.deleteLink(ifindex)
  await rtnl.close()
}

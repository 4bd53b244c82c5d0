// Prints every link of this network namespace.
import { openRtnl } from 'vtepd/rtnl'

const rtnl = openRtnl()
const { value: links } = await rtnl.dumpLinks()
for (const { ifindex, ifname, kind, mtu } of links) console.log(ifindex, ifname, kind ?? '', mtu)
await rtnl.close()

// Tells what happens to the links of this namespace, until a bridge that it makes itself has come and gone.
import { openRtnl } from 'vtepd/rtnl'

const rtnl = openRtnl()
// It hears everything from here on: whatever is dumped afterwards cannot miss a change.
const monitor = rtnl.monitor({ groups: ['link'] })
const { ifindex } = await rtnl.createBridge({ ifname: 'followed0', up: true })
await rtnl.changeLink(ifindex, { mtu: 1400 })
await rtnl.deleteLink(ifindex)

for await (const event of monitor) {
  // Messages were lost: only a new dump tells what there is.
  if (event.type === 'overrun') console.log('overrun', (await rtnl.listLinks()).value.length, 'links')
  if (event.type !== 'link') continue
  const { link, action } = event
  console.log(action, link.ifname, link.up ? 'up' : 'down', link.mtu)
  if (action === 'deleted' && link.ifindex === ifindex) break
}
await rtnl.close()

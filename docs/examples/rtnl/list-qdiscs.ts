// What vtepd/rtnl does not know by name: the queueing disciplines, by a schema of linux/rtnetlink.h and linux/pkt_sched.h.
import { attributes, message, openNetlink, pad, s32, struct, text, u8, u32 } from 'vtepd/netlink'

const tcmsg = struct({ family: u8, reserved: pad(3), ifindex: s32, handle: u32, parent: u32, info: u32 })
const qdisc = message(tcmsg, attributes({ kind: [1, text], hardwareOffload: [12, u8] }))
const [RTM_NEWQDISC, RTM_GETQDISC] = [36, 38]

const netlink = openNetlink({ protocol: 'route' })
const query = { type: RTM_GETQDISC, body: qdisc, value: {}, answer: qdisc, answerType: RTM_NEWQDISC }
const { value: qdiscs } = await netlink.dump(query)
for (const { ifindex, kind, parent } of qdiscs) console.log(ifindex, kind, parent === 0xffffffff ? 'root' : parent)
await netlink.close()

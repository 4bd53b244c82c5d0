/**
 * Waits until what the kernel does under its lock (RTNL) at this moment is over: a link's message comes before its routes are taken
 * away, and dumps of routes take no lock. Must not: change anything.
 */
import { constants } from 'node:os'
import { NetlinkError } from '../../errors.ts'
import { attributes } from '../../netlink/attributes.ts'
import type { CallOptions } from '../../netlink/call.ts'
import { message } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { s32, u8, u16, u32 } from '../../netlink/scalars.ts'
import { pad, struct } from '../../netlink/structs.ts'

const RTM_GETLINK = 18
/** `lo`, in every namespace. */
const LOOPBACK = 1
const body = message(
  struct({ family: u8, pad: pad(1), type: u16, ifindex: s32, flags: u32, change: u32 }),
  attributes({}),
)

/** To ask for a link takes the lock. */
export async function barrier(netlink: Netlink, options: CallOptions): Promise<void> {
  const query = { type: RTM_GETLINK, body, value: { ifindex: LOOPBACK }, op: 'link.get', subject: 'lo' }
  try {
    await netlink.request(query, options)
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.errno !== constants.errno.ENODEV) throw error
  }
}

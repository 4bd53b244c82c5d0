/**
 * Whether this kernel is new enough. It is asked for what vtepd needs, as distributions carry features back into kernels of
 * older numbers; the number is only told. Must not: look for VXLAN, a module that may still be loaded; the device tells.
 */
import { release } from 'node:os'
import { HostError, NetlinkSocketError } from '../errors.ts'
import type { Rtnl } from '../rtnl/port.ts'

/** Major and minor; docs/install.md says why, and which were run. */
export const OLDEST_KERNEL = [5, 0] as const

/**
 * Throws HostError for a kernel without strict dumps (NETLINK_GET_STRICT_CHK, Linux 4.20), the youngest of what every request
 * rests on. What else keeps a socket from being opened is left to the agent, which tries again.
 */
export async function refuseOldKernel(open: () => Rtnl, kernel = release()): Promise<void> {
  try {
    await open().close()
  } catch (error) {
    if (error instanceof NetlinkSocketError && error.errnoName === 'ENOPROTOOPT')
      throw new HostError(
        `this kernel, Linux ${kernel}, is too old: vtepd needs ${OLDEST_KERNEL.join('.')} or newer, or one with its rtnetlink carried back (strict dumps, NETLINK_GET_STRICT_CHK, are missing)`,
        { cause: error },
      )
  }
}

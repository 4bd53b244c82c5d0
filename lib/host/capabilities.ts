/** What the kernel lets this process do. Must not: try to gain anything. */
import { readFileSync } from 'node:fs'

/** include/uapi/linux/capability.h. */
const CAP_NET_ADMIN = 12n

/**
 * Whether CAP_NET_ADMIN is effective in this process' user namespace. A status that cannot be read (no /proc) counts as
 * yes: then the kernel's EPERM will tell.
 */
export function hasNetAdmin(statusFile = '/proc/self/status'): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(statusFile, 'utf8'))?.[1]
    return effective === undefined || ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n
  } catch {
    return true
  }
}

/** One line for who lacks it: what is missing and what to do. */
export const NET_ADMIN_MISSING =
  'CAP_NET_ADMIN is missing: run as root, or give the capability (systemd: AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW, ' +
  'Kubernetes: securityContext.capabilities.add [NET_ADMIN, NET_RAW])'

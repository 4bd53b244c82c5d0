/**
 * Who makes the checksums of what the VXLAN device sends: the kernel at once, or, as it is by default, whatever link the packet
 * leaves through. Pure. Must not: look at the host.
 *
 * Two combinations are known to send wrong ones by default (docs/backends.md has the sources); elsewhere the kernel's choice
 * stands, which is several times as fast.
 */

export type ChecksumOffload = 'auto' | 'on' | 'off'

export interface ChecksumFacts {
  /** As uname tells it: `5.4.0-42-generic`. */
  readonly kernel: string
  /** Of the link that carries the overlay, and of those below it. */
  readonly drivers: readonly string[]
}

export interface ChecksumWish {
  readonly on: boolean
  readonly because: string
}

/** undefined: it stays as it is. */
export function wantedChecksum(setting: ChecksumOffload, { kernel, drivers }: ChecksumFacts): ChecksumWish | undefined {
  if (setting !== 'auto') return { on: setting === 'on', because: `--tx-checksum-offload=${setting}` }
  if (isBrokenKernel(kernel))
    return { on: false, because: `Linux ${kernel} makes wrong checksums of VXLAN packets that are masqueraded` }
  if (drivers.includes('vmxnet3'))
    return { on: false, because: 'the driver vmxnet3 makes wrong checksums of what VXLAN carries' }
  return undefined
}

/** Linux commit ea64d8d6c675, in 5.7; and the stable releases that took it over. */
const MENDED_IN: Readonly<Record<string, number>> = { '4.14': 181, '4.19': 123, '5.4': 41, '5.6': 13 }

/**
 * What cannot be read is taken for a newer one. A distribution's number tells nothing of what it took over (Ubuntu's 5.4.0 may
 * have it): right before fast.
 */
function isBrokenKernel(release: string): boolean {
  const [, major = '', minor = '', patch = '0'] = /^([0-9]+)\.([0-9]+)(?:\.([0-9]+))?/.exec(release) ?? []
  if (major === '' || Number(major) > 5 || (major === '5' && Number(minor) >= 7)) return false
  const mendedIn = MENDED_IN[`${major}.${minor}`]
  return mendedIn === undefined || Number(patch) < mendedIn
}

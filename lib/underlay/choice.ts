/** What the user said about the interface to use (flags --iface, --iface-regex, --iface-can-reach, --public-ip(v6)). */
import { type Ip, parseIp } from '../net/ip.ts'

/** Tried in flannel's order: each iface, then each regex, then canReach, then the default route's interface. */
export interface UnderlayChoice {
  /** Interface names or addresses of one, as given. */
  readonly ifaces: readonly string[]
  /** Matched against addresses first, then names. */
  readonly regexes: readonly RegExp[]
  readonly canReach: Ip | undefined
  /** --public-ip, --public-ipv6: published; `local` too when the host owns it; the lookup key when nothing else is given. */
  readonly publicIp: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
  /** How long the address that belongs to this node may be away before a lesser one is taken, milliseconds. */
  readonly fallbackAfterMs: number
}

/**
 * One --iface as it is meant: `eth0`, `eth0@if3` (as `ip` prints it, without what follows the @), an address, or
 * `address/length`. `name` is looked for as it was given first: the kernel allows an @ in names.
 */
export function readIface(text: string): { readonly name: string; readonly ip: Ip | undefined } {
  return { name: /^[^@]+(?=@)/.exec(text)?.[0] ?? text, ip: tryParseIp(text.replace(/\/[0-9]{1,3}$/, '')) }
}

/** A word for each --iface that is not taken as it was written. */
export function ifacesInWords({ ifaces }: UnderlayChoice): readonly string[] {
  return ifaces.flatMap((text) => {
    const { name, ip } = readIface(text)
    if (ip !== undefined) return ip === text ? [] : [`--iface=${text} is taken as the address ${ip}`]
    return name === text ? [] : [`--iface=${text} is taken as ${name}, unless an interface has that very name`]
  })
}

function tryParseIp(text: string): Ip | undefined {
  try {
    return parseIp(text)
  } catch {
    return undefined
  }
}

/** What the user said about the interface to use (flags --iface, --iface-regex, --iface-can-reach, --public-ip(v6)). */
import type { Ip } from '../net/ip.ts'

/** Tried in flannel's order: each iface, then each regex, then canReach, then the default route's interface. */
export interface UnderlayChoice {
  /** Interface names or addresses of one. */
  readonly ifaces: readonly string[]
  /** Matched against addresses first, then names. */
  readonly regexes: readonly RegExp[]
  readonly canReach: Ip | undefined
  /** --public-ip, --public-ipv6: published; `local` too when the host owns it; the lookup key when nothing else is given. */
  readonly publicIp: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
}

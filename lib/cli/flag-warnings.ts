/** What is said once at the start of `vtepd run`: flags that have no effect here, or another than it seems. */
import type { Network } from '../cluster/network.ts'
import { ConfigError } from '../errors.ts'
import { FAMILIES } from '../net/ip.ts'
import { readIface } from '../underlay/choice.ts'
import type { ConfigInput } from './config.ts'

export const PUBLIC_IP_FLAG = { ipv4: 'public-ip', ipv6: 'public-ipv6' } as const

/** As the kubelet makes it of the host's name, which the unit gives (%H). */
export function lowerCased(nodeName: string): string {
  return nodeName.trim().toLowerCase()
}

/** One sentence each. Throws ConfigError where a flag without effect has an impossible value. */
export function flagWarnings({ flags, given, env }: ConfigInput, network: Network): string[] {
  const margin = flags['subnet-lease-renew-margin']
  if (margin < 1 || margin > 1439)
    throw new ConfigError(
      '--subnet-lease-renew-margin',
      `${margin} is outside 1 to 1439 minutes; remove the flag, it has no effect here`,
    )
  const absent = FAMILIES.filter((family) => network[family] === undefined && flags[PUBLIC_IP_FLAG[family]] !== '')
  const nodeName = env.NODE_NAME ?? ''
  const otherwise = flags.leases === '' && nodeName !== lowerCased(nodeName)
  return [
    ...(otherwise
      ? [`NODE_NAME: '${nodeName}' is read as '${lowerCased(nodeName)}': names of Nodes are in lower case`]
      : []),
    ...(given.has('kube-subnet-mgr') && !flags['kube-subnet-mgr']
      ? ['--kube-subnet-mgr=false has no effect: there is no etcd subnet manager here, leases come from Kubernetes']
      : []),
    ...flags.iface.flatMap(ifaceWarning),
    ...(network.backend.type === 'host-gw' && flags.claims === 'objects'
      ? ['--claims=objects has no effect with host-gw, whose peers have no MAC address: Nodes are followed']
      : []),
    ...(network.backend.type === 'host-gw' && flags['pin-device']
      ? ['--pin-device has no effect with host-gw, which has no device']
      : []),
    ...(flags.firewall === 'none' && flags['ip-masq']
      ? ['--firewall=none: vtepd makes no rules, and with --ip-masq nothing masquerades unless somebody else does']
      : []),
    ...absent.map(
      (family) =>
        `--${PUBLIC_IP_FLAG[family]} has no effect: ${family === 'ipv4' ? 'IPv4' : 'IPv6'} is not enabled in the network`,
    ),
  ]
}

function ifaceWarning(text: string): readonly string[] {
  const { name, ip } = readIface(text)
  if (ip !== undefined)
    return text.includes('/')
      ? [`--iface ${text} is read as the address ${ip}: what follows the slash is no part of it`]
      : []
  return name === text
    ? []
    : [`--iface ${text} is read as ${name}, unless an interface has that whole name: ip prints its parent after the @`]
}

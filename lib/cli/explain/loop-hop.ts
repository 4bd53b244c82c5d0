/** Outer packets that go into our own device, and the address or route that takes them there. */
import { cidrOf, contains } from '../../net/cidr.ts'
import { familyOf, type Ip } from '../../net/ip.ts'
import type { Link, Rtnl } from '../../rtnl/port.ts'
import type { Hop } from './hop.ts'

/** VXLAN into VXLAN: by an address of the device whose prefix has the peer, or a route. */
export async function loopHop(rtnl: Rtnl, { ifindex, ifname }: Link, remote: Ip): Promise<Hop> {
  const addresses = (await rtnl.dumpAddresses(familyOf(remote))).value
  const taking = addresses.find(
    (address) => address.ifindex === ifindex && contains(cidrOf(address.ip, address.prefixLength), remote),
  )
  const ip = familyOf(remote) === 'ipv4' ? 'ip' : 'ip -6'
  return {
    name: 'loop',
    found: `packets to ${remote} go into ${ifname} itself${taking ? `, which has the address ${taking.ip}/${taking.prefixLength}` : ''}`,
    remedy: taking
      ? `ip address del ${taking.ip}/${taking.prefixLength} dev ${ifname}`
      : `look at \`${ip} route show dev ${ifname}\``,
    ends: true,
  }
}

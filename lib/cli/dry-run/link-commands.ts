/** What was asked of links as the commands of iproute2 and ethtool that would do it: for people. Pure. Must not: be run. */
import type { Ifindex } from '../../net/ifindex.ts'
import type { LinkChange, VxlanSpec } from '../../rtnl/port.ts'
import { unreachable } from '../../util/unreachable.ts'
import type { LinkWrite } from './shadow-rtnl.ts'

export type NameOf = (ifindex: Ifindex) => string | undefined

export function linkCommands(write: LinkWrite, nameOf: NameOf): readonly string[] {
  const name = (ifindex: Ifindex): string => nameOf(ifindex) ?? `if${ifindex}`
  switch (write.kind) {
    case 'create':
      return [created(write.spec, nameOf)]
    case 'change':
      return changeCommands(name(write.ifindex), write.change, nameOf)
    case 'delete':
      return [`ip link delete ${name(write.ifindex)}`]
    case 'add-address':
      return [`ip address replace ${write.ip}/${write.prefixLength} dev ${name(write.ifindex)}`]
    case 'delete-address':
      return [`ip address delete ${write.ip}/${write.prefixLength} dev ${name(write.ifindex)}`]
    case 'tx-checksum':
      return [`ethtool -K ${name(write.ifindex)} tx ${write.on ? 'on' : 'off'}`]
    default:
      return unreachable(write)
  }
}

function created({ ifname, vni, local, parent, lladdr, mtu, port, learning, gbp }: VxlanSpec, nameOf: NameOf): string {
  const dev = parent === undefined ? [] : ['dev', nameOf(parent) ?? `if${parent}`]
  return [
    `ip link add ${ifname} address ${lladdr} mtu ${mtu} txqueuelen 0 type vxlan id ${vni} local ${local}`,
    ...dev,
    `dstport ${port ?? 8472}`,
    learning ? 'learning' : 'nolearning',
    ...(gbp ? ['gbp'] : []),
  ].join(' ')
}

function changeCommands(ifname: string, change: LinkChange, nameOf: NameOf): readonly string[] {
  const { up, mtu, lladdr, ifname: renamed, master, vxlan } = change
  const words = [
    ...(renamed === undefined ? [] : ['name', renamed]),
    ...(lladdr === undefined ? [] : ['address', lladdr]),
    ...(mtu === undefined ? [] : ['mtu', String(mtu)]),
    ...(master === undefined ? [] : master === null ? ['nomaster'] : ['master', nameOf(master) ?? `if${master}`]),
    ...(up === undefined ? [] : [up ? 'up' : 'down']),
  ]
  const attributes = [
    ...(vxlan?.local === undefined ? [] : ['local', vxlan.local]),
    ...(vxlan?.parent === undefined ? [] : ['dev', nameOf(vxlan.parent) ?? `if${vxlan.parent}`]),
    ...(vxlan?.learning === undefined ? [] : [vxlan.learning ? 'learning' : 'nolearning']),
  ]
  return [
    ...(words.length === 0 ? [] : [`ip link set ${ifname} ${words.join(' ')}`]),
    ...(attributes.length === 0 ? [] : [`ip link set ${ifname} type vxlan ${attributes.join(' ')}`]),
  ]
}

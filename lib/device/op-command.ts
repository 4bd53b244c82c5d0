/**
 * Writes to a device as the commands that would do the same: for people who want to see, or do, what the agent would. Pure. Must not: be
 * run by the agent.
 */
import type { LinkChange, VxlanSpec } from '../rtnl/port.ts'
import { unreachable } from '../util/unreachable.ts'
import type { DeviceOp } from './types.ts'

/** `ifnameOf` names links, also those that have gone. `vni`: of the device. */
export interface CommandNames {
  readonly ifnameOf: (ifindex: number) => string
  readonly vni: number | undefined
}

export function renderOp(op: DeviceOp, { ifnameOf, vni }: CommandNames): readonly string[] {
  switch (op.op) {
    case 'create':
      return createCommands(op.spec, ifnameOf)
    case 'delete':
      return [`ip link delete ${ifnameOf(op.ifindex)}`]
    case 'change':
      return changeCommands(ifnameOf(op.ifindex), vni, op.change, ifnameOf)
    case 'add-address':
    case 'delete-address': {
      const { ip, prefixLength, ifindex } = op.address
      return [`ip address ${op.op === 'add-address' ? 'add' : 'del'} ${ip}/${prefixLength} dev ${ifnameOf(ifindex)}`]
    }
    case 'tx-checksum':
      return [`ethtool -K ${ifnameOf(op.ifindex)} tx ${op.on ? 'on' : 'off'}`]
    case 'accept-ra-off':
      return [`sysctl -w net/ipv6/conf/${op.ifname}/accept_ra=0`]
    default:
      return unreachable(op)
  }
}

function createCommands(spec: VxlanSpec, ifnameOf: CommandNames['ifnameOf']): readonly string[] {
  const { ifname, lladdr, mtu, vni, local, port = 8472, parent, learning, gbp } = spec
  const words = [
    `ip link add ${ifname} address ${lladdr} mtu ${mtu} type vxlan id ${vni} local ${local} dstport ${port}`,
    learning ? 'learning' : 'nolearning',
    ...(gbp ? ['gbp'] : []),
    ...(parent === undefined ? [] : [`dev ${ifnameOf(parent)}`]),
  ]
  return [words.join(' '), `ip link set ${ifname} up`]
}

function changeCommands(
  ifname: string,
  vni: number | undefined,
  { up, mtu, lladdr, ifname: name, master, vxlan }: LinkChange,
  ifnameOf: CommandNames['ifnameOf'],
): readonly string[] {
  const set = (words: string): string => `ip link set ${ifname} ${words}`
  const { local, parent, learning } = vxlan ?? {}
  const attributes = [
    ...(local === undefined ? [] : [`local ${local}`]),
    ...(parent === undefined ? [] : [`dev ${ifnameOf(parent)}`]),
    ...(learning === undefined ? [] : [learning ? 'learning' : 'nolearning']),
  ]
  return [
    ...(attributes.length === 0 ? [] : [set(`type vxlan id ${vni} ${attributes.join(' ')}`)]),
    ...(master === null ? [set('nomaster')] : []),
    ...(mtu === undefined ? [] : [set(`mtu ${mtu}`)]),
    ...(lladdr === undefined ? [] : [set(`address ${lladdr}`)]),
    ...(name === undefined ? [] : [set(`name ${name}`)]),
    ...(up === undefined ? [] : [set(up ? 'up' : 'down')]),
  ]
}

/**
 * Things of others that look much like ours or flannel's, on our device, on other links and in other tables: none of them
 * may ever be touched. Made and read with iproute2.
 */
import { type Claim, claimOf, deviceName, type Family } from '../../healing/support/cluster.ts'
import { type Host, nodad } from './host.ts'

/** Numbers of the claims that they are made of: from 200 up to 229. */
const FIRST = 200
const LAST = 229

export async function addOthers(host: Host): Promise<void> {
  await host.ip(
    'link add other0 type veth peer name other1',
    'link set other0 up',
    'link set other1 up',
    'link add foreign7 type vxlan id 7 dstport 4789 local 127.0.0.1 nolearning',
    'link set foreign7 up',
  )
  for (const family of host.families) {
    const of = (number: number): Claim => claimOf(family, number)
    await host.ip(...routes(family, of), ...neighbours(family, of), ...elsewhere(family, of))
    await host.bridge(...fdb(family, of))
  }
}

type Of = (number: number) => Claim

function routes(family: Family, of: Of): string[] {
  const device = deviceName(family)
  const gateway = family === 'ipv4' ? '172.16.0.254' : 'fd00:1::fe'
  const outside = family === 'ipv4' ? '198.51.100.0/24' : '2001:db8:100::/64'
  return [
    // Of another protocol: an administrator's.
    `route add ${of(200).subnet} via ${gateway} dev mgmt0 proto static metric 5`,
    `route add ${of(201).subnet} dev ${device} proto static metric 5`,
    `route add ${of(202).subnet} via ${of(202).overlay} dev ${device} onlink proto bird metric 203`,
    // In the form of flannel's direct routes, which has no mark.
    `route add ${of(203).subnet} via ${gateway} dev mgmt0 proto boot`,
    // On our device like flannel's, but by another gateway, without one, or outside the network.
    `route add ${of(204).subnet} via ${of(205).overlay} dev ${device} onlink proto boot`,
    `route add ${of(206).subnet} dev ${device} proto boot`,
    `route add ${outside} via ${outside.replace(/\/.*/, '')} dev ${device} onlink proto boot`,
    `route add blackhole ${of(207).subnet} proto boot`,
    `route add unreachable ${of(208).subnet} proto 118 metric 209`,
    // Another vtepd's, on its own device.
    `route add ${of(209).subnet} via ${of(209).overlay} dev foreign7 onlink proto 118 metric 210`,
    // With a property that neither of us sets.
    `route add ${of(210).subnet} via ${of(210).overlay} dev ${device} onlink proto 118 metric 211 mtu 1300`,
  ]
}

function neighbours(family: Family, of: Of): string[] {
  const device = deviceName(family)
  const outside = family === 'ipv4' ? '198.51.100.9' : '2001:db8:100::9'
  return [
    `neigh add ${of(211).overlay} lladdr ${of(211).lladdr} dev ${device} nud permanent protocol static`,
    `neigh add ${of(212).overlay} lladdr ${of(212).lladdr} dev ${device} nud permanent extern_learn`,
    `neigh add ${outside} lladdr ${of(213).lladdr} dev ${device} nud permanent`,
  ]
}

function fdb(family: Family, of: Of): string[] {
  const device = deviceName(family)
  return [
    `fdb append 00:00:00:00:00:00 dev ${device} dst ${of(214).underlay} self permanent`,
    `fdb append 01:00:5e:00:00:05 dev ${device} dst ${of(215).underlay} self permanent`,
    `fdb append ${of(216).lladdr} dev ${device} dst ${of(216).underlay} port 4789 self permanent`,
    `fdb append ${of(217).lladdr} dev ${device} dst ${of(217).underlay} vni 7 self permanent`,
    `fdb append ${of(218).lladdr} dev ${device} dst ${of(218).underlay} self permanent extern_learn`,
    `fdb append ${of(219).lladdr} dev ${device} dst ${of(219).underlay} self dynamic`,
    ...(family === 'ipv4' ? [`fdb append ${of(220).lladdr} dev foreign7 dst 192.0.2.7 self permanent`] : []),
  ]
}

/** Seen by readOthers alone. */
function elsewhere(family: Family, of: Of): string[] {
  const { overlay, subnet } = of(221)
  const length = subnet.replace(/.*\//, '')
  return [
    `address add ${family === 'ipv4' ? overlay.replace(/0$/, '1') : `${overlay}1`}/${length} dev other0${nodad(family)}`,
    `neigh add ${of(222).overlay} lladdr ${of(222).lladdr} dev foreign7 nud permanent`,
    `route add ${of(223).subnet} via ${of(223).overlay} dev ${deviceName(family)} onlink proto 118 metric 224 table 99`,
  ]
}

/** What stands beside the main table and our device, and the kernel's own routes. */
export async function readOthers(host: Host): Promise<string[]> {
  const questions = host.families.flatMap((family) => {
    const flag = family === 'ipv4' ? '-4' : '-6'
    return [
      `ip ${flag} route show table 99`,
      `ip ${flag} route show dev other0`,
      `ip ${flag} address show dev other0 scope global`,
      `ip ${flag} neigh show dev foreign7 nud permanent`,
      'bridge fdb show dev foreign7',
    ]
  })
  return (await host.netns.exec('sh', '-c', questions.join('; '))).split('\n')
}

/** Whether a line of `ip monitor` is about one of them. */
export function isOfOthers(line: string): boolean {
  for (let number = FIRST; number <= LAST; number += 1) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const { subnet, overlay, lladdr } = claimOf(family, number)
      if ([`${subnet} `, `${overlay} `, ` ${lladdr} `].some((mark) => line.includes(mark))) return true
    }
  }
  return false
}

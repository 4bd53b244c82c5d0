/** Whether the packet filter lets the overlay's packets through, before any rule of ours stands. Must not: change a rule. */
import type { Network } from '../../cluster/network.ts'
import { deviceName, KERNEL_VXLAN_PORT } from '../../device/vtep.ts'
import { createDropFinder } from '../../firewall/find-drops.ts'
import { legacyTables } from '../../firewall/iptables-variant.ts'
import type { RunProgram } from '../../host/exec.ts'
import { cidrOf, networkAddress, prefixLength } from '../../net/cidr.ts'
import type { Family } from '../../net/ip.ts'
import { type CheckHost, type Finding, fine, prevents, unknown, warns } from './finding.ts'

/** What a node usually gets of the network. */
const NODE_BITS = { ipv4: 24, ipv6: 64 } as const

export async function checkFirewalls(
  host: CheckHost,
  run: RunProgram,
  network: Network,
  families: readonly Family[],
): Promise<readonly Finding[]> {
  const about = 'firewall'
  const running = await managers(host)
  const found = (await Promise.all(families.map((family) => dropsOf(run, network, family)))).flat()
  if (found.length > 0) return found
  const what = running.length === 0 ? 'nothing' : running.join(' and ')
  return [fine(about, `${what} here is known to drop what pods or VXLAN send`)]
}

async function dropsOf(run: RunProgram, network: Network, family: Family): Promise<readonly Finding[]> {
  const about = 'firewall'
  const whole = network[family]
  const { backend } = network
  if (whole === undefined) return []
  const vxlan =
    backend.type === 'vxlan'
      ? { device: deviceName(family, backend.vni), vxlanPort: backend.port ?? KERNEL_VXLAN_PORT }
      : { device: undefined, vxlanPort: undefined }
  const find = createDropFinder({ family, run, tables: legacyTables, ...vxlan })
  const subnet = cidrOf(networkAddress(whole), Math.max(prefixLength(whole) + 1, NODE_BITS[family]))
  const notes = await find({ network: whole, subnet })
  if (notes === undefined)
    return [unknown(about, 'the packet filter cannot be asked', 'run it as root: nft list ruleset')]
  return notes.map(({ key, text }) => {
    const [found = text, ...remedy] = text.split('; ')
    return key === 'filter.vxlan-dropped'
      ? prevents(about, found, remedy.join('; '))
      : warns(about, found, remedy.join('; '))
  })
}

async function managers({ list, readText }: CheckHost): Promise<readonly string[]> {
  const firewalld = (await list('/run/firewalld')).length > 0 || (await readText('/run/firewalld.pid')) !== undefined
  const ufw = /^\s*ENABLED=yes/m.test((await readText('/etc/ufw/ufw.conf')) ?? '')
  return [...(firewalld ? ['firewalld'] : []), ...(ufw ? ['ufw'] : [])]
}

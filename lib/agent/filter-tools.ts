/**
 * Wires what one family's packet filter rules are kept with: both tools, the choice between them, the look at other
 * people's chains, and the guard of the VXLAN port. Must not: know a rule, or keep one (packet-filter.ts).
 */

import { loadAddon } from '../addon/addon.ts'
import type { Network } from '../cluster/network.ts'
import { deviceName, KERNEL_VXLAN_PORT } from '../device/vtep.ts'
import { ConfigError } from '../errors.ts'
import { chooseFilter } from '../firewall/choice.ts'
import { createDropFinder, type DropFinderParts } from '../firewall/find-drops.ts'
import { createIptables } from '../firewall/iptables.ts'
import type { ReadSizes } from '../firewall/iptables-ears.ts'
import { legacyTables } from '../firewall/iptables-variant.ts'
import { createNftables } from '../firewall/nftables.ts'
import { createNftablesGuard } from '../firewall/nftables-guard.ts'
import { type RunProgram, runProgram } from '../host/exec.ts'
import type { Family } from '../net/ip.ts'
import { openNftMonitor } from '../rtnl/native-nft-monitor.ts'
import type { Clock } from '../util/clock.ts'
import type { AgentConfig } from './config.ts'
import type { FamilyFilters } from './packet-filter.ts'
import type { VxlanAllowParts } from './vxlan-allow.ts'

/** undefined: no rules are to be kept, and none that exist touched (`--firewall=none`). */
export function createFilterTools(
  family: Family,
  { network, firewall }: Pick<AgentConfig, 'network' | 'firewall'>,
  clock: Clock,
  run: RunProgram = runProgram,
): FamilyFilters | undefined {
  const mode = firewall?.mode ?? 'auto'
  if (mode === 'none') return undefined
  const parts = {
    family,
    run,
    openMonitor: openNftMonitor,
    readSizes: (...question: Parameters<ReadSizes>) => loadAddon().readXtablesSizes('', ...question),
    clock,
  }
  return {
    tools: { nftables: createNftables(parts), iptables: createIptables(parts) },
    choose: async () =>
      mode === 'auto'
        ? { ...(await chooseFilter(family, { ...network, ...parts })), certain: false }
        : { kind: mode, because: '--firewall says so', certain: true },
    findForeignDrops: createDropFinder({ ...parts, tables: legacyTables, ...vxlanOf(family, network) }),
  }
}

/** Who may reach the VXLAN port (`--vxlan-allow`); with host-gw there is none. */
export function createGuardTools(
  family: Family,
  { network, firewall }: Pick<AgentConfig, 'network' | 'firewall'>,
  clock: Clock,
  run: RunProgram = runProgram,
): Pick<VxlanAllowParts, 'guard' | 'guarded'> {
  const isGuarded = firewall?.vxlanAllow === 'known'
  return {
    guard: createNftablesGuard({ family, run, openMonitor: openNftMonitor, clock }),
    guarded: isGuarded ? vxlanOf(family, network).vxlanPort : undefined,
  }
}

/** Nobody shall believe that the port is guarded where nothing can guard it. */
export async function refuseWithoutNft({ firewall }: AgentConfig): Promise<void> {
  if (firewall?.vxlanAllow !== 'known' || (await runProgram('nft', ['--version'])).outcome !== 'missing') return
  throw new ConfigError(
    '--vxlan-allow',
    'known needs the program nft, which is not here; install the package nftables, or give all',
  )
}

function vxlanOf(family: Family, { backend }: Network): Pick<DropFinderParts, 'device' | 'vxlanPort'> {
  if (backend.type === 'host-gw') return { device: undefined, vxlanPort: undefined }
  // With direct routes it may be the underlay as well.
  const device = backend.directRouting ? undefined : deviceName(family, backend.vni)
  return { device, vxlanPort: backend.port ?? KERNEL_VXLAN_PORT }
}

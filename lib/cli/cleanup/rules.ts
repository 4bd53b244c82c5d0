/**
 * The packet filter rules that an agent or flannel left, in every tool of this host. They have no VNI: where other VNIs' agents
 * were here, the rules may be theirs, and stay. Must not: know a rule (lib/firewall).
 */

import { loadAddon } from '../../addon/addon.ts'
import { createIptables } from '../../firewall/iptables.ts'
import { createNftables } from '../../firewall/nftables.ts'
import { createNftablesGuard } from '../../firewall/nftables-guard.ts'
import type { PacketFilter } from '../../firewall/port.ts'
import { IPTABLES } from '../../firewall/render-iptables.ts'
import { NFT_FAMILY, NFT_TABLE } from '../../firewall/render-nftables.ts'
import { VXLAN_TABLE } from '../../firewall/vxlan-allow.ts'
import { systemClock } from '../../host/clock.ts'
import { runProgram } from '../../host/exec.ts'
import { FAMILIES, type Family } from '../../net/ip.ts'
import { openNftMonitor } from '../../rtnl/native-nft-monitor.ts'
import type { Failure, Removal } from './facts.ts'
import type { CleanupScope } from './scope.ts'

export interface RulesCleanup {
  readonly removals: readonly Removal[]
  readonly stays: readonly Failure[]
  readonly notes: readonly string[]
}

/** Removes them, or with `dryRun` lists them. What cannot be looked at stays; with `dryRun` it is a note. */
export async function cleanUpRules(scope: CleanupScope, dryRun: boolean): Promise<RulesCleanup> {
  return removeEach(
    scope.routesOnly ? [] : FAMILIES.flatMap((family) => [...rulesOf(family), guardOf(family)]),
    scope,
    dryRun,
  )
}

/** As `cleanUpRules`, of the table alone that lets known nodes reach the VXLAN port: nobody keeps it up to date any more. */
export async function openVxlanPort(scope: CleanupScope, dryRun: boolean): Promise<RulesCleanup> {
  return removeEach(FAMILIES.map(guardOf), scope, dryRun)
}

interface Rules {
  readonly subject: string
  readonly filter: Pick<PacketFilter, 'remove' | 'close'>
}

async function removeEach(all: readonly Rules[], { others }: CleanupScope, dryRun: boolean): Promise<RulesCleanup> {
  const removals: Removal[] = []
  const stays: Failure[] = []
  const notes: string[] = []
  const keep = others.size > 0
  for (const { subject, filter } of all) {
    const result = await filter.remove({ dryRun: dryRun || keep })
    await filter.close()
    if (result.outcome === 'failed' && dryRun) notes.push(`${subject}: ${result.because}`)
    else if (result.outcome === 'failed') stays.push({ kind: 'rules', subject, because: result.because })
    else if (result.outcome === 'written' && keep)
      notes.push(`${subject} stays: VNI ${[...others].join(', ')} may need it`)
    else if (result.outcome === 'written') removals.push({ kind: 'rules', subject })
  }
  return { removals, stays, notes }
}

const SHARED = {
  run: runProgram,
  clock: systemClock,
  openMonitor: openNftMonitor,
  readSizes: (family: number, tables: readonly string[]) => loadAddon().readXtablesSizes('', family, tables),
}

function guardOf(family: Family): Rules {
  const subject = `table ${NFT_FAMILY[family]} ${VXLAN_TABLE}`
  return { subject, filter: createNftablesGuard({ ...SHARED, family }) }
}

function rulesOf(family: Family): readonly Rules[] {
  return [
    { subject: `table ${NFT_FAMILY[family]} ${NFT_TABLE[family]}`, filter: createNftables({ ...SHARED, family }) },
    {
      subject: `${IPTABLES[family]} FLANNEL-POSTRTG, FLANNEL-FWD`,
      filter: createIptables({ ...SHARED, family }),
    },
  ]
}

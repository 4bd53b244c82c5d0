/**
 * Which tool's rules this host is to have, where nobody says: what net-conf says, else what kube-proxy uses, else what is
 * installed. Reads only. Must not: write, nor take a failed question for a no.
 */
import type { RunProgram } from '../host/exec.ts'
import type { Family } from '../net/ip.ts'
import { createNftTool } from './nft-tool.ts'
import type { FilterKind } from './port.ts'
import { IPTABLES } from './render-iptables.ts'
import { NFT_FAMILY } from './render-nftables.ts'

export interface FilterChoice {
  readonly kind: FilterKind
  /** In words, for the log. */
  readonly because: string
}

/** kube-proxy in its mode nftables has a table of this name for each family; in its other modes it writes iptables rules. */
const KUBE_PROXY = 'kube-proxy'

/** Once, at start: a host that changed its mind at run time would have both tools' rules in turn. */
export async function chooseFilter(
  family: Family,
  { enableNftables, run }: { readonly enableNftables: boolean; readonly run: RunProgram },
): Promise<FilterChoice> {
  if (enableNftables) return { kind: 'nftables', because: 'net-conf has EnableNFTables' }
  // Not `list tables`, for which nft 1.0.6 reads every rule there is (80,000: 3 s, 360 MB).
  const chains = await createNftTool(run).run(['list', 'chains', NFT_FAMILY[family]])
  const table = new RegExp(`^table ${NFT_FAMILY[family]} ${KUBE_PROXY}(?: \\{)?$`, 'm')
  if (chains.outcome === 'done' && table.test(chains.stdout))
    return { kind: 'nftables', because: 'kube-proxy uses nftables' }
  const iptables = IPTABLES[family]
  if ((await run(iptables, ['--version'])).outcome !== 'missing')
    return { kind: 'iptables', because: `${iptables} is there, and kube-proxy does not use nftables` }
  return { kind: 'nftables', because: `there is no ${iptables}` }
}

/**
 * What should be, for one address: of a running agent, else of the view that the last one kept on disk. Must not: ask the kernel or the
 * API server, nor take what was kept for what is.
 */
import path from 'node:path'
import type { AgentReport } from '../../agent/window/report.ts'
import { HostError } from '../../errors.ts'
import { listFolder, readBytesIfExists } from '../../host/files.ts'
import { bindingIn, parseViewFile } from '../../leases/kube/view-file.ts'
import { type Cidr, cidrFamily, contains, parseCidr } from '../../net/cidr.ts'
import { familyOf, type Ip } from '../../net/ip.ts'
import { askAgent, findAgent } from '../window/ask.ts'
import type { WindowFlags } from '../window/flags.ts'

/** In the family of the address that is asked for. */
export interface Known {
  /** The whole overlay network, and this node's part of it. */
  readonly network: Cidr | undefined
  readonly subnet: Cidr | undefined
  /** The underlay address that this node is to send from. */
  readonly local: string | undefined
  /** Whose the address is, where an agent no longer tells. */
  readonly kept:
    | { readonly node: string; readonly subnet: string; readonly underlay: string; readonly lladdr: string | null }
    | undefined
  /** Sentences of the agent's about what lasts, and about Nodes that are not accepted or take no part. */
  readonly told: readonly string[]
}

const NOTHING: Known = { network: undefined, subnet: undefined, local: undefined, kept: undefined, told: [] }
const PATIENCE_MS = 5000
/** Ten times what 100,000 peers need. */
const MOST_BYTES = 300 << 20

/** Of the running agent; nothing where it does not answer. */
export async function askKnown(flags: WindowFlags, target: Ip): Promise<Known> {
  try {
    const { families, faults, leases } = await askAgent<AgentReport>(await findAgent(flags), 'status', PATIENCE_MS)
    const ours = families.find(({ family }) => family === familyOf(target))
    if (ours === undefined) return NOTHING
    return {
      ...NOTHING,
      network: parseCidr(ours.network),
      subnet: ours.subnet === null ? undefined : parseCidr(ours.subnet),
      local: ours.underlay?.local,
      told: [
        ...faults.map(({ sentence }) => sentence),
        ...leases.rejected.map((text) => `not accepted: ${text}`),
        ...leases.silent,
      ],
    }
  } catch (error) {
    if (error instanceof HostError) return NOTHING
    throw error
  }
}

/** Of what the last agent kept in its state folder: leases of Kubernetes alone are kept. Never rejects. */
export async function readKept(folder: string, target: Ip): Promise<Known> {
  try {
    const names = (await listFolder(folder)).filter((name) => name.endsWith('.leases'))
    for (const name of names) {
      const bytes = await readBytesIfExists(path.join(folder, name), MOST_BYTES)
      const known = bytes && keptIn(bytes, target)
      if (known !== undefined) return known
    }
  } catch {
    // It says nothing then.
  }
  return NOTHING
}

function keptIn(bytes: Buffer, target: Ip): Known | undefined {
  const binding = bindingIn(bytes)
  if (binding === undefined) return undefined
  const { own, claims } = parseViewFile(bytes, binding)
  const family = familyOf(target)
  const network = (JSON.parse(binding) as readonly (Cidr | null)[])[family === 'ipv4' ? 0 : 1] ?? undefined
  if (network === undefined || !contains(network, target)) return undefined
  const subnet = own.podCidrs.map(parseCidr).find((cidr) => cidrFamily(cidr) === family)
  const local = own.internalIps[family]
  for (const { claim } of claims) {
    const part = claim?.[family]
    if (claim === undefined || part?.subnet === undefined || !contains(part.subnet, target)) continue
    const { subnet: theirs, underlay = '', lladdr = null } = part
    return { ...NOTHING, network, subnet, local, kept: { node: claim.node, subnet: theirs, underlay, lladdr } }
  }
  return { ...NOTHING, network, subnet, local }
}

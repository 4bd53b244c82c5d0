/**
 * Whose a prefix is: a direct route leads through the underlay's interface and shows no VNI, so it belongs to the VNI in
 * whose network it lies. Pure. Must not: guess; what cannot be told stays, with the reason.
 */
import { type Cidr, cidrFamily, containsCidr, prefixLength } from '../../net/cidr.ts'
import { HOST_GW } from './devices.ts'
import type { CleanupScope } from './scope.ts'

/** `theirs`: of a VNI that this cleanup is not about. */
export type Owner = 'ours' | 'theirs' | { readonly doubt: string }

/** How one VNI's network stands to a prefix; `anywhere`: it has length 0 (k3s writes ::/0), so that it proves little. */
type Place = 'inside' | 'anywhere' | 'outside' | 'unknown'

export function ownerOf(prefix: Cidr, scope: CleanupScope): Owner {
  const here = placesOf(prefix, scope.vnis, scope)
  const there = placesOf(prefix, scope.others, scope)
  // Whoever left something in a folder that cannot be read.
  if (scope.state.unreadable !== undefined) there.add('unknown')
  const vnis = inWords(scope.vnis)
  const claimed = here.has('inside') || here.has('anywhere')
  if (there.has('inside') || there.has('anywhere')) {
    if (!claimed) return 'theirs'
    const both = `${vnis} and ${inWords(scope.others)} have it in their networks`
    return { doubt: `${both}: stop every vtepd here, then clean up without --vni` }
  }
  if (here.has('inside') || (claimed && !there.has('unknown'))) return 'ours'
  if (claimed || here.has('unknown')) {
    if (there.size === 0) return 'ours'
    const who =
      scope.others.size === 0 ? `${scope.state.folder} cannot be read` : `${inWords(scope.others)} is here too`
    return { doubt: `${who}, and whose network it is in is not known${REMEDY}` }
  }
  return there.has('unknown') ? 'theirs' : { doubt: `it lies outside the network of ${vnis}${REMEDY}` }
}

const REMEDY = ': name its VNI with --vni, and the network with --net-config-path'

function placesOf(prefix: Cidr, vnis: Iterable<number>, { networks }: CleanupScope): Set<Place> {
  return new Set([...vnis].map((vni) => placeIn(prefix, networks.get(vni)?.[cidrFamily(prefix)] ?? [])))
}

function placeIn(prefix: Cidr, networks: readonly Cidr[]): Place {
  if (networks.length === 0) return 'unknown'
  const around = networks.filter((network) => containsCidr(network, prefix))
  if (around.length === 0) return 'outside'
  return around.some((network) => prefixLength(network) > 0) ? 'inside' : 'anywhere'
}

/** `VNI 1`, `VNI 1 and VNI 4096`, `host-gw`. */
export function inWords(vnis: Iterable<number>): string {
  return [...vnis].map((vni) => (vni === HOST_GW ? 'host-gw' : `VNI ${vni}`)).join(' and ')
}

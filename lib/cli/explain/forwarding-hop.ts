/** Whether this host forwards packets between pods and the device. */
import type { Family } from '../../net/ip.ts'
import { forbidsForwarding } from '../../way/look.ts'
import { sysctlName, sysctlRemedy } from '../../way/sysctls.ts'
import { ends, flaw, type Hop, passes } from './hop.ts'

/** `hasPods`: there are pods on this host, whose packets it is about. */
export async function forwardingHop(
  family: Family,
  readSysctl: (key: string) => Promise<string | undefined>,
  links: readonly { readonly ifname: string }[],
  hasPods: boolean,
): Promise<Hop> {
  const name = 'forwarding'
  const off = await forbidsForwarding(family, readSysctl, links)
  if (off === undefined) return passes(name, `is on for ${links.map(({ ifname }) => ifname).join(' and ')}`)
  const found = `${sysctlName(off)} is 0: packets of pods are not forwarded`
  const remedy = sysctlRemedy({ key: off, value: '1' })
  return hasPods ? ends(name, found, remedy) : flaw(name, found, remedy)
}

/** Nodes that are left out of the overlay, in sentences with what to do. Pure. */
import type { LeaseError } from '../../errors.ts'

/** A claim that is not accepted. */
export function inWords(error: LeaseError): string {
  return `${error.message}; ${remedyOf(error)}`
}

function remedyOf({ node, field, fault }: LeaseError): string {
  const look = `kubectl get node ${node} -o jsonpath='{.spec.podCIDRs} {.metadata.annotations}'`
  const clone = `it looks like a clone of that machine: on ${node} end vtepd, remove what is in its --state-dir (/var/lib/vtepd), start it again`
  const twice = `two Nodes cannot have one podCIDR: delete the one that is no more (kubectl delete node ${node}), or give it another podCIDR`
  const unreached = `${node} publishes an address at which it is not reached: look at --iface and --public-ip there, and at its annotations (${look})`
  switch (fault) {
    case 'lladdr_taken':
      return clone
    case 'subnet_taken':
      return twice
    case 'ours':
      return field.endsWith('lladdr') ? clone : field.endsWith('subnet') ? twice : unreached
    case 'loop':
    case 'underlay_unusable':
      return unreached
    case 'outside_network':
      return "Network of net-conf and the controller manager's --cluster-cidr must agree; a Node gets another podCIDR when it is deleted and registers again"
    default:
      return `look at it: ${look}; its agent writes the annotations anew when it is started again`
  }
}

const MOST_NAMES = 5

/** `names`: Nodes that take no part. */
export function silentInWords(names: readonly string[]): readonly string[] {
  if (names.length === 0) return []
  const some = names.toSorted().slice(0, MOST_NAMES)
  const rest = names.length - some.length
  const list = `${some.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
  const verb = names.length === 1 ? 'takes no part' : 'take no part'
  return [
    `${list} ${verb}: no annotation of flannel's is on ${names.length === 1 ? 'that Node' : 'those Nodes'}, so that pods there are not reached; start vtepd there, or see why it cannot publish (journalctl -u vtepd: lease.publish-failed)`,
  ]
}

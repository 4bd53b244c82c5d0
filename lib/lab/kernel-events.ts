/**
 * What the kernel announced in a node's namespace, as sentences for a timeline. Keeps the names of the links that it
 * has seen, since an entry carries only an ifindex. Must not: listen by itself.
 */
import { NUD_PERMANENT } from '../addon/abi.ts'
import { type Entry, unpackEntries } from '../rtnl/entries.ts'
import type { Link, Notification } from '../rtnl/port.ts'
import { unreachable } from '../util/unreachable.ts'

export interface KernelEvents {
  /** The sentences for one notification: none for what belongs to nobody's story (cni0, pods, ARP of the underlay). */
  describe(notification: Notification): string[]
}

/** `links`: those that exist before the first notification. */
export function createKernelEvents(links: readonly Link[]): KernelEvents {
  const known = new Map(links.map((link) => [link.ifindex, link]))
  const nameOf = (ifindex: number | undefined): string | undefined =>
    [...known.values()].find((link) => link.ifindex === ifindex)?.ifname

  const describeEntry = (entry: Entry, action: string): string[] => {
    const name = nameOf(entry.kind === 'route' ? entry.oif : entry.ifindex)
    if (name === undefined || !isWatched(name)) return []
    if (entry.kind === 'route') return [`${name}: route ${action}`]
    // A deletion carries the state that the entry had at the very end, seldom that of its life.
    if (!isDevice(name) || (action !== 'deleted' && (entry.state & NUD_PERMANENT) === 0)) return []
    return [`${name}: ${entry.kind === 'fdb' ? 'FDB entry' : 'neighbour'} ${action}`]
  }
  return {
    describe(notification) {
      const action = 'action' in notification && notification.action === 'deleted' ? 'deleted' : 'added'
      switch (notification.type) {
        case 'link': {
          const before = known.get(notification.link.ifindex)
          if (action === 'deleted') known.delete(notification.link.ifindex)
          else known.set(notification.link.ifindex, notification.link)
          return isWatched(notification.link.ifname) ? describeLink(notification.link, action, before) : []
        }
        case 'address': {
          const name = nameOf(notification.address.ifindex)
          // Link-local addresses come and go with the link.
          if (name === undefined || !isWatched(name) || notification.address.scope !== 0) return []
          return [`${name}: address ${notification.address.ip} ${action}`]
        }
        case 'entry':
          return unpackEntries(notification.entry).flatMap((entry) => describeEntry(entry, action))
        case 'rule':
          return []
        case 'overrun':
          return ['more events than the monitor could take: some are missing here']
        case 'closed':
          return [`the monitor was closed: ${notification.errnoName}`]
        default:
          return unreachable(notification)
      }
    },
  }
}

function describeLink(link: Link, action: 'added' | 'deleted', before: Link | undefined): string[] {
  if (action === 'deleted') return [`${link.ifname} deleted (ifindex ${link.ifindex})`]
  if (before === undefined) return [`${link.ifname} created (ifindex ${link.ifindex})`]
  return [
    before.up === link.up ? undefined : `${link.ifname} ${link.up ? 'up' : 'down'}`,
    before.lladdr === link.lladdr ? undefined : `${link.ifname} has MAC ${link.lladdr}`,
  ].filter((sentence) => sentence !== undefined)
}

function isDevice(name: string): boolean {
  return name.startsWith('flannel')
}

function isWatched(name: string): boolean {
  return name === 'mgmt0' || isDevice(name)
}

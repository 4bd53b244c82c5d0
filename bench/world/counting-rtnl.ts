/**
 * An Rtnl that counts what crosses it: netlink messages sent and received by requests, and entries written. Must not:
 * change anything on the way.
 */
import type { Dump, Rtnl } from '../../lib/rtnl/port.ts'

export interface Traffic {
  /** Requests sent: an entry is one, and so is a dump. */
  requests: number
  /** Messages received: an object of a dump is one, its end, and the acknowledgement of each chunk of 256 entries. */
  answers: number
  /** Entries that a batch replaced, created or deleted. */
  writes: number
  /** Notifications that a monitor delivered. */
  heard: number
  /** Requests whose answer is still to come. */
  underWay: number
}

/** What `applyEntries` asks one acknowledgement for (native/src/sock/batch.cc). */
const CHUNK = 256

export function countTraffic(rtnl: Rtnl, traffic: Traffic): Rtnl {
  const track = async <T>(answer: Promise<T>): Promise<T> => {
    traffic.underWay += 1
    try {
      return await answer
    } finally {
      traffic.underWay -= 1
    }
  }
  const dump = async <T>(answer: Promise<Dump<T>>, lengthOf: (value: T) => number): Promise<Dump<T>> => {
    traffic.requests += 1
    const result = await track(answer)
    traffic.answers += lengthOf(result.value) + 1
    return result
  }
  const acknowledged = async <T>(answer: Promise<T>): Promise<T> => {
    traffic.requests += 1
    const result = await track(answer)
    traffic.answers += 1
    return result
  }
  return {
    ...rtnl,
    dumpLinks: () => dump(rtnl.dumpLinks(), (list) => list.length),
    dumpAddresses: (family) => dump(rtnl.dumpAddresses(family), (list) => list.length),
    dumpRoutes: (family) => dump(rtnl.dumpRoutes(family), (table) => table.length),
    dumpNeighbours: (family, ifindex) => dump(rtnl.dumpNeighbours(family, ifindex), (table) => table.length),
    dumpFdb: (ifindex) => dump(rtnl.dumpFdb(ifindex), (table) => table.length),
    async getFdb(entries) {
      traffic.requests += entries.length
      traffic.answers += entries.length
      return await track(rtnl.getFdb(entries))
    },
    createVxlan: (spec) => acknowledged(rtnl.createVxlan(spec)),
    changeLink: (ifindex, change) => acknowledged(rtnl.changeLink(ifindex, change)),
    deleteLink: (ifindex) => acknowledged(rtnl.deleteLink(ifindex)),
    addAddress: (spec) => acknowledged(rtnl.addAddress(spec)),
    deleteAddress: (spec) => acknowledged(rtnl.deleteAddress(spec)),
    resolveRoute: (dst, options) => acknowledged(rtnl.resolveRoute(dst, options)),
    async applyEntries(batch) {
      traffic.requests += batch.length
      traffic.writes += batch.length
      const result = await track(rtnl.applyEntries(batch))
      traffic.answers += Math.ceil(batch.length / CHUNK) + result.failures.length
      return result
    },
    monitor: (options) =>
      rtnl.monitor({
        ...options,
        onNotifications(list) {
          traffic.heard += list.length
          options.onNotifications(list)
        },
      }),
  }
}

export function noTraffic(): Traffic {
  return { requests: 0, answers: 0, writes: 0, heard: 0, underWay: 0 }
}

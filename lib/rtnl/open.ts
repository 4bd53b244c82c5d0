/**
 * The door as a module's user opens it: the port (port.ts), whose packed tables are the fast path, everything else that
 * rtnetlink says as values, and the open floor below, over one socket. Must not: be opened by the agent, which needs the port alone.
 */
import { createCaller } from '../netlink/call.ts'
import { type Netlink, netlinkOver } from '../netlink/netlink.ts'
import { type Addresses, addressesOver } from './addresses/addresses.ts'
import { type Bridges, bridgeOver } from './bridge/bridge.ts'
import { type FdbTables, fdbOver } from './fdb/fdb.ts'
import { type Links, linksOver } from './links/links.ts'
import type { Owner } from './live/follow.ts'
import { type Watches, watchesOver } from './live/watch-table.ts'
import { createMonitor, type Monitor, type MonitorOptions } from './live-monitor.ts'
import { openSocket, rtnlOver } from './native.ts'
import { type Neighbours, neighboursOver } from './neighbours/neighbours.ts'
import { type Namespaces, namespacesOver } from './netns/netns.ts'
import { type Nexthops, nexthopsOver } from './nexthops/nexthops.ts'
import type { Rtnl as Port, RtnlOptions } from './port.ts'
import { type Routes, routesOver } from './routes/routes.ts'
import { type Rules, rulesOver } from './rules/rules.ts'

/** Everything that is read and written as whole values. */
interface Values extends Links, Bridges, FdbTables, Addresses, Routes, Nexthops, Rules, Neighbours, Namespaces {}

export interface Rtnl
  extends Omit<Port, 'monitor' | keyof Values>,
    Values,
    Watches,
    Pick<Netlink, 'request' | 'dump' | 'subscribe'>,
    AsyncDisposable {
  /** Hears links, addresses, neighbours, FDB entries, routes of the main table and rules from the moment it returns. */
  monitor(options: MonitorOptions): Monitor
}

/**
 * Opens a request socket in a network namespace, at once and on this thread (some 70 µs for another namespace). Throws
 * NetlinkSocketError, TypeError or RangeError for a wrong option, ConfigError when the addon is not there. An Rtnl without a
 * request under way and without a monitor does not keep the process alive.
 */
export function openRtnl(options: RtnlOptions = {}): Rtnl {
  const { socket, bufferBytes } = openSocket(options)
  const call = createCaller(socket)
  const port = rtnlOver(socket, bufferBytes, call)
  const netlink = netlinkOver(socket, call)
  const { request, dump, subscribe } = netlink
  const monitors = new Set<Monitor>()
  const tables: Owner = new Set()
  const close = async (): Promise<void> => {
    for (const monitor of [...monitors]) monitor.close()
    for (const end of [...tables]) end()
    await Promise.all([port.close(), netlink.close()])
  }
  return {
    ...port,
    ...linksOver(netlink),
    ...bridgeOver(netlink),
    ...fdbOver(netlink),
    ...addressesOver(netlink),
    ...routesOver(netlink),
    ...nexthopsOver(netlink),
    ...rulesOver(netlink),
    ...neighboursOver(netlink),
    ...namespacesOver(netlink),
    ...watchesOver(netlink, tables),
    request,
    dump,
    subscribe,
    monitor(of) {
      const monitor = createMonitor(port.monitor, of, () => monitors.delete(monitor))
      monitors.add(monitor)
      return monitor
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

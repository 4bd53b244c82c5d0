/**
 * Hears, on a peer's mgmt0, for which addresses somebody announces a MAC: by tcpdump where that is installed, else by what
 * the peer's neighbour tables learn. Must not: take an answer to a question, or a duplicate address detection, for one.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Family, Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { unpackEntries } from '../rtnl/entries.ts'
import type { Rtnl } from '../rtnl/port.ts'
import { netnsPath } from './address-plan.ts'
import type { OneWayReport } from './report.ts'

export interface Announcements {
  /** By tcpdump every announcement counts; in the tables only one by which a peer learns another MAC. */
  stop(): Promise<{ readonly heardBy: OneWayReport['heardBy']; readonly counts: ReadonlyMap<string, number> }>
}

/**
 * `peer`: name of its namespace. `known`: which MAC the peer believes in, as whoever writes its table last said; kept up to
 * date here. `program`: replaced by tests.
 */
export async function hearAnnouncements(
  peer: string,
  rtnl: Rtnl,
  families: readonly Family[],
  known: Map<Ip, Lladdr>,
  program = 'tcpdump',
): Promise<Announcements> {
  return (await capture(peer, program)) ?? watchTables(rtnl, families, known)
}

/** Resolves when it listens; undefined: the program is missing, or may not. */
async function capture(peer: string, program: string): Promise<Announcements | undefined> {
  const filter = 'arp or (icmp6 and ip6[40] == 136)'
  const options = ['-n', '-l', '--immediate-mode', '-Z', 'root', '-i', 'mgmt0', filter]
  const child = spawn('nsenter', [`--net=${netnsPath(peer)}`, '--', program, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const counts = new Map<string, number>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const ip = announcedIn(line)
    if (ip !== undefined) counts.set(ip, (counts.get(ip) ?? 0) + 1)
  })
  const closed = once(child, 'close').catch(() => undefined)
  const listening = new Promise<boolean>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.startsWith('listening on')) resolve(true)
    })
  })
  if (!(await Promise.race([listening, closed.then(() => false)]))) return undefined
  return {
    async stop() {
      child.kill('SIGTERM')
      await closed
      return { heardBy: 'tcpdump', counts }
    },
  }
}

/** The address that a line of tcpdump announces: gratuitous ARP of either form, or an advertisement to all nodes. */
export function announcedIn(line: string): string | undefined {
  const request = /ARP, Request who-has (\S+) .*?tell (\S+?),/.exec(line)
  if (request !== null) return request[1] === request[2] ? request[1] : undefined
  return / > ff02::1: ICMP6, neighbor advertisement, .*?tgt is (\S+?)(?:,|$)/.exec(line)?.[1]
}

/** The lab's own writes are dropped by the kernel: `rtnl` makes them. */
function watchTables(rtnl: Rtnl, families: readonly Family[], known: Map<Ip, Lladdr>): Announcements {
  const counts = new Map<string, number>()
  const monitor = rtnl.monitor({
    groups: ['neighbour'],
    families,
    onNotifications(notifications) {
      const entries = notifications.flatMap((news) => (news.type === 'entry' ? unpackEntries(news.entry) : []))
      for (const entry of entries) {
        if (entry.kind !== 'neighbour' || entry.lladdr === undefined) continue
        if ((known.get(entry.ip) ?? entry.lladdr) === entry.lladdr) continue
        known.set(entry.ip, entry.lladdr)
        counts.set(entry.ip, (counts.get(entry.ip) ?? 0) + 1)
      }
    },
  })
  return {
    async stop() {
      monitor.close()
      return { heardBy: 'neighbour tables', counts }
    },
  }
}

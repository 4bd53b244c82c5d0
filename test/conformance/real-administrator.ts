/**
 * The administrator of a real namespace: iproute2, as the person at the keyboard uses it. Must not: use vtepd's own
 * netlink code, so that one mistake cannot hide on both sides of a comparison.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Administrator, AdminRoute, AdminRule, LinkOptions } from '../support/fake-kernel/index.ts'
import type { Netns } from '../support/netns.ts'

const run = promisify(execFile)

/** 'failed' when the command did not succeed, undefined when it did. */
export type RealOutcome = Promise<'failed' | undefined>

/** `elsewhere` receives the links that are sent away. */
export function realAdministrator(netns: Netns, elsewhere: Netns): Administrator<RealOutcome> {
  const inside = async (program: string, ...args: string[]): RealOutcome => {
    try {
      await run(program, ['-n', netns.name, ...args])
      return undefined
    } catch {
      return 'failed'
    }
  }
  const ip = (...args: string[]) => inside('ip', ...args)
  const bridge = (...args: string[]) => inside('bridge', ...args)
  const both = async (first: RealOutcome, second: () => RealOutcome): RealOutcome => (await first) ?? (await second())

  return {
    addVeth: (ifname, peer, options) =>
      ip(
        'link',
        'add',
        ifname,
        ...sizes(options),
        'type',
        'veth',
        'peer',
        'name',
        peer,
        ...optional('address', options?.peerLladdr),
      ),
    addBridge: (ifname, options) => ip('link', 'add', ifname, ...sizes(options), 'type', 'bridge'),
    addMacvlan: (ifname, parent, options) =>
      ip('link', 'add', 'link', parent, 'name', ifname, ...sizes(options), 'type', 'macvlan', 'mode', 'bridge'),
    addVxlan: (ifname, options) =>
      ip(
        ...['link', 'add', ifname, ...sizes(options), 'type', 'vxlan'],
        ...(options.metadata === true ? ['external'] : ['id', `${options.vni}`]),
        ...optional('local', options.local),
        ...optional('dev', options.parent),
        ...['dstport', `${options.port ?? 8472}`, options.learning === true ? 'learning' : 'nolearning'],
        ...(options.gbp === true ? ['gbp'] : []),
      ),
    deleteLink: (ifname) => ip('link', 'del', 'dev', ifname),
    setUp: (ifname) => ip('link', 'set', 'dev', ifname, 'up'),
    setDown: (ifname) => ip('link', 'set', 'dev', ifname, 'down'),
    rename: (ifname, to) => ip('link', 'set', 'dev', ifname, 'name', to),
    addAltname: (ifname, altname) => ip('link', 'property', 'add', 'dev', ifname, 'altname', altname),
    deleteAltname: (ifname, altname) => ip('link', 'property', 'del', 'dev', ifname, 'altname', altname),
    setLladdr: (ifname, lladdr) => ip('link', 'set', 'dev', ifname, 'address', lladdr),
    setMtu: (ifname, mtu) => ip('link', 'set', 'dev', ifname, 'mtu', `${mtu}`),
    setMaster: (ifname, master) =>
      master === null
        ? ip('link', 'set', 'dev', ifname, 'nomaster')
        : ip('link', 'set', 'dev', ifname, 'master', master),
    sendAway: (ifname) => ip('link', 'set', 'dev', ifname, 'netns', elsewhere.name),
    async deleteAway(ifname) {
      try {
        await run('ip', ['-n', elsewhere.name, 'link', 'del', 'dev', ifname])
        return undefined
      } catch {
        return 'failed'
      }
    },
    addAddress: (ifname, address, flags = {}) =>
      ip(
        ...['address', 'replace', address, 'dev', ifname],
        ...(address.includes(':') && flags.tentative !== true ? ['nodad'] : []),
        ...(flags.deprecated === true ? ['valid_lft', 'forever', 'preferred_lft', '0'] : []),
      ),
    removeAddress: (ifname, address) => ip('address', 'del', address, 'dev', ifname),
    replaceRoute: (route) =>
      ip(
        ...[...familyFlag(route.dst), 'route', 'replace', ...routeArguments(route), 'proto', `${route.protocol ?? 3}`],
        ...(route.nexthops ?? []).flatMap(({ via, dev }) => ['nexthop', ...optional('via', via), 'dev', dev]),
      ),
    deleteRoute: (route) =>
      ip(
        ...[...familyFlag(route.dst), 'route', 'del', ...routeArguments(route)],
        ...optional('proto', route.protocol === undefined ? undefined : `${route.protocol}`),
      ),
    replaceNeighbour: (ifname, address, lladdr) =>
      ip('neigh', 'replace', address, 'lladdr', lladdr, 'dev', ifname, 'nud', 'permanent'),
    deleteNeighbour: (ifname, address) => ip('neigh', 'del', address, 'dev', ifname),
    replaceFdb: (ifname, lladdr, remote) =>
      bridge('fdb', 'replace', lladdr, 'dst', remote, 'dev', ifname, 'self', 'permanent'),
    deleteFdb: (ifname, lladdr, remote) =>
      bridge('fdb', 'del', lladdr, ...optional('dst', remote), 'dev', ifname, 'self'),
    flushNeighbours: (ifname) =>
      both(ip('-4', 'neigh', 'flush', 'dev', ifname, 'nud', 'permanent'), () =>
        ip('-6', 'neigh', 'flush', 'dev', ifname, 'nud', 'permanent'),
      ),
    flushRoutes: async (ifname) => {
      let outcome: 'failed' | undefined
      for (const family of ['-4', '-6'])
        for (const protocol of ['3', '118'])
          outcome = (await ip(family, 'route', 'flush', 'dev', ifname, 'proto', protocol)) ?? outcome
      return outcome
    },
    addRule: (rule) => ip(...ruleArguments('add', rule)),
    deleteRule: (rule) => ip(...ruleArguments('del', rule)),
    async setForwarding(on) {
      await netns.exec('sysctl', '-qw', `net.ipv4.ip_forward=${on ? 1 : 0}`)
      return undefined
    },
    flushFdb: (ifname) => bridge('fdb', 'flush', 'dev', ifname, 'self', 'permanent'),
  }
}

const TYPES: Readonly<Record<number, string>> = { 6: 'blackhole', 7: 'unreachable', 8: 'prohibit', 9: 'throw' }

function routeArguments(route: AdminRoute): string[] {
  return [
    ...(route.type === undefined ? [] : [TYPES[route.type] ?? 'unicast']),
    route.dst,
    ...optional('via', route.via),
    ...optional('dev', route.dev),
    ...optional('metric', route.metric === undefined ? undefined : `${route.metric}`),
    ...optional('table', route.table === undefined ? undefined : `${route.table}`),
    ...(route.onlink === true ? ['onlink'] : []),
  ]
}

function ruleArguments(verb: 'add' | 'del', rule: AdminRule): string[] {
  const { fwmark } = rule
  return [
    ...[rule.family === 'ipv6' ? '-6' : '-4', 'rule', verb, ...(rule.not === true ? ['not'] : [])],
    ...optional('from', rule.from),
    ...optional('to', rule.to),
    ...optional('iif', rule.iif),
    ...optional('oif', rule.oif),
    ...optional('fwmark', fwmark === undefined ? undefined : `${fwmark.value}/${fwmark.mask}`),
    ...(rule.vxlanPort === true ? ['ipproto', 'udp', 'dport', '8472'] : []),
    ...['priority', `${rule.priority}`],
    ...(rule.action === undefined ? ['lookup', `${rule.table ?? 254}`] : [rule.action]),
  ]
}

function familyFlag(dst: string): string[] {
  return [dst.includes(':') ? '-6' : '-4']
}

function sizes(options: LinkOptions | undefined): string[] {
  return [
    ...optional('address', options?.lladdr),
    ...optional('mtu', options?.mtu === undefined ? undefined : `${options.mtu}`),
  ]
}

function optional(word: string, value: string | undefined): string[] {
  return value === undefined ? [] : [word, value]
}

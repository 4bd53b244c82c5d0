/**
 * "Which route reaches X, and from which address": the rules in their order, each with its table.
 * Must not: know which rule selects a packet (rules.ts).
 */

import { FR_ACT_TO_TBL } from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Family, familyOf, type Ip, isLinkLocal } from '../../../lib/net/ip.ts'
import type { Address, ResolvedRoute, RouteQuery } from '../../../lib/rtnl/port.ts'
import { EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH, ENODEV, type Refusal, refuse } from './errnos.ts'
import { commonBits, ipOfKey, type Key, keyOfIp, maskKey, type Route } from './records.ts'
import { routesTo } from './route-table.ts'
import { rulesFor } from './rules.ts'
import { isLocal, type OwnAddress, type RouteTable, type RouteTables, type State } from './state.ts'

const LOOPBACK = 1 as Ifindex
const BY_TYPE: Readonly<Record<number, number>> = { 6: EINVAL, 7: EHOSTUNREACH, 8: EACCES }

const MAIN = 254
const LOCAL = 255
const RTN_THROW = 9
/** What each FR_ACT_* that refuses says. */
const BY_ACTION: Readonly<Record<number, number>> = { 6: EINVAL, 7: ENETUNREACH, 8: EACCES }

export function resolveRoute(state: State, dst: Ip, query: RouteQuery): ResolvedRoute | Refusal {
  const family = familyOf(dst)
  const key = keyOfIp(dst)
  const refusal = refuseQuestion(state, family, key, query)
  if (refusal !== undefined) return refusal
  // IPv4 wants a source of ours and does not repeat it in its answer; IPv6 chooses one, whatever was asked. A packet that is
  // forwarded has its own.
  const hasSource = query.iif !== undefined || (family === 'ipv4' && query.source !== undefined)
  const from = (choose: () => Ip | undefined): Ip | undefined => (hasSource ? undefined : choose())
  const found = (table: number, oif: number, gateway: Ip | undefined, choose: () => Ip | undefined): ResolvedRoute => ({
    oif: oif as Ifindex,
    table,
    mtu: undefined,
    gateway,
    source: from(choose),
  })
  const refused: Refusal[] = []
  for (const rule of rulesFor(state, family, dst, query)) {
    if (rule.action !== FR_ACT_TO_TBL) {
      refused.push(refuse(BY_ACTION[rule.action] ?? EINVAL))
      break
    }
    if (rule.table === LOCAL) {
      if (isLocal(state, family, key) && query.oif === undefined)
        return found(family === 'ipv4' && !state.unmerged ? MAIN : LOCAL, LOOPBACK, undefined, () => dst)
      continue
    }
    const route = lookUp(tableNumbered(state, rule.table)?.[family], key, query)
    if (route === undefined || route.type === RTN_THROW) continue
    const errno = BY_TYPE[route.type]
    if (errno === undefined)
      return found(rule.table, route.oif, gatewayOf(state, route), () => sourceOf(state, family, route, key))
    refused.push(refuse(errno))
    break
  }
  // IPv4 takes a destination for on-link when the caller names the link and no route does.
  const { oif } = query
  if (family === 'ipv4' && oif !== undefined && state.links.get(oif)?.up === true)
    return found(0, oif, undefined, () => ipv4Source(state, oif, undefined))
  return refused[0] ?? refuse(ENETUNREACH)
}

function lookUp(table: RouteTable | undefined, dst: Key, { oif }: RouteQuery): Route | undefined {
  if (table === undefined) return undefined
  for (const route of routesTo(table, dst)) {
    if (oif === undefined || route.oif === oif) return route
    // IPv4 takes the next hop of that link; of a packet without one the real kernel takes any, this one the first.
    const hop = route.family === 'ipv4' ? route.hops?.find((each) => each.oif === oif) : undefined
    if (hop !== undefined) return { ...route, ...hop }
  }
  return undefined
}

function tableNumbered(state: State, number: number): RouteTables | undefined {
  return number === MAIN ? state.routes : state.otherTables.get(number)
}

/** What the kernel refuses before it looks anything up. */
function refuseQuestion(state: State, family: Family, dst: Key, query: RouteQuery): Refusal | undefined {
  const { source, oif, iif } = query
  if (iif !== undefined && !state.links.has(iif)) return refuse(ENODEV)
  if (oif !== undefined && !state.links.has(oif)) return refuse(family === 'ipv4' ? ENODEV : ENETUNREACH)
  if (family === 'ipv6') return undefined
  const ours = source !== undefined && isLocal(state, family, keyOfIp(source))
  if (iif === undefined) return source === undefined || ours ? undefined : refuse(ENETUNREACH)
  // A forwarded packet without a source, or with one of ours, is a martian.
  if (source === undefined || ours) return refuse(EINVAL)
  return state.forwarding || isLocal(state, family, dst) ? undefined : refuse(EHOSTUNREACH)
}

/** IPv4 treats a gateway that is an address of ours as none. */
function gatewayOf(state: State, route: Route): Ip | undefined {
  if (route.gateway === undefined || (route.family === 'ipv4' && isLocal(state, 'ipv4', route.gateway)))
    return undefined
  return ipOfKey(route.gateway)
}

function sourceOf(state: State, family: Family, route: Route, dst: Key): Ip | undefined {
  if (route.prefsrc !== undefined) return ipOfKey(route.prefsrc)
  const oif = route.oif as Ifindex
  return family === 'ipv4' ? ipv4Source(state, oif, route.gateway) : ipv6Source(state, oif, dst)
}

/** inet_select_addr: the primary in the gateway's network, else the link's first, else any other link's. */
function ipv4Source(state: State, oif: Ifindex, gateway: Key | undefined): Ip | undefined {
  const primaries = (state.addresses.get(oif)?.ipv4 ?? []).filter((own) => !own.flags.secondary && own.scope < 254)
  const near = primaries.find(
    (own) => gateway !== undefined && maskKey(own.key, own.prefixLength) === maskKey(gateway, own.prefixLength),
  )
  const own = near ?? primaries[0]
  if (own !== undefined) return own.ip
  for (const ifindex of [...state.links.keys()].sort((a, b) => a - b)) {
    const other = state.addresses.get(ifindex)?.ipv4.find((address) => address.scope < 253 && !address.flags.secondary)
    if (other !== undefined) return other.ip
  }
  return undefined
}

/** RFC 6724 as far as it matters here: scope, not deprecated, the outgoing link, not temporary, longest common prefix. */
function ipv6Source(state: State, oif: Ifindex, dst: Key): Ip | undefined {
  const linkLocal = isLinkLocal(ipOfKey(dst))
  let best: { own: OwnAddress; rank: number } | undefined
  for (const [ifindex, { ipv6 }] of state.addresses)
    for (const own of ipv6) {
      if (!usable(own) || own.scope === 254 || (linkLocal && ifindex !== oif)) continue
      if (own.scope === 253 && ifindex !== oif) continue
      const rank =
        (isLinkLocal(own.ip) === linkLocal ? 1e6 : 0) +
        (own.flags.deprecated ? 0 : 1e5) +
        (ifindex === oif ? 1e4 : 0) +
        (own.flags.temporary ? 0 : 1e3) +
        Math.min(commonBits(own.key, dst), own.prefixLength)
      if (best === undefined || rank > best.rank) best = { own, rank }
    }
  return best?.own.ip
}

function usable(address: Address): boolean {
  return !address.flags.tentative && !address.flags.dadFailed
}

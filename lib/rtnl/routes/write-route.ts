/**
 * From what a caller asks to what the message says, with the checks that the codecs cannot make: what excludes each other, and
 * what the kernel would pass over in silence. Throws TypeError and RangeError by the name of the field. Must not: send.
 */
import { cidrFamily, networkAddress, prefixLength } from '../../net/cidr.ts'
import { type Family, familyOf } from '../../net/ip.ts'
import { asFlag, asIfindex, asInteger, asIp, asIpOf, asList, asNetwork, copyOf } from '../../netlink/check.ts'
import { refuseOf, type Scope } from '../inet.ts'
import { type Encap, encapAttributes } from './encap.ts'
import type { RoutePath, RouteSpec } from './route.ts'
import { type RawPath, type RawRoute, RTNH_F_ONLINK } from './schema.ts'

/** Only told by the kernel: passed over. */
const READ_ONLY = ['family', 'status', 'cache', 'iif', 'mark', 'uid'] as const
const SPEC_KEYS = [
  ...'dst src table type protocol scope tos metric oif gateway onlink multipath nhid prefsrc metrics encap'.split(' '),
  ...'expires pref realm'.split(' '),
  ...READ_ONLY,
]
const PATH_KEYS = 'oif gateway weight onlink encap realm status'.split(' ')
/** What the kernel tells of a nexthop object beside its id. */
const OF_NEXTHOP = ['oif', 'gateway', 'multipath', 'encap'] as const

export const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3

/** `isDelete`: what is not given matches any. */
export function rawRoute(given: RouteSpec, isDelete: boolean): RawRoute {
  const read = copyOf('route', given, SPEC_KEYS)
  const dst = asNetwork('route.dst', read.dst)
  const family = cidrFamily(dst)
  const multipath = read.multipath === undefined ? undefined : pathsOf(read.multipath)
  const spec = checkNexthop({ ...read, dst, multipath })
  const { table, protocol, tos, metric, prefsrc, metrics, pref, expires, nhid, realm, type } = spec
  refuseOthers(family, spec)
  const lifetime = expires === undefined ? undefined : asInteger('route.expires', expires, 0, 0xffffffff)
  const src = spec.src === undefined ? undefined : asNetwork('route.src', spec.src)
  if (src !== undefined && cidrFamily(src) !== family)
    throw new RangeError(`route.src: ${src} is not of ${dst}'s family`)
  return {
    family,
    dstLength: prefixLength(dst),
    srcLength: src === undefined ? 0 : prefixLength(src),
    tos,
    protocol: protocol === undefined ? (isDelete ? 0 : RTPROT_BOOT) : protocol,
    scope: scopeOf(spec, family, isDelete),
    type: type === undefined ? (isDelete ? 'unspec' : 'unicast') : type,
    flags: asFlag('route.onlink', spec.onlink) === true ? RTNH_F_ONLINK : 0,
    dst: networkAddress(dst),
    src: src === undefined ? undefined : networkAddress(src),
    table: table === undefined ? RT_TABLE_MAIN : asInteger('route.table', table, 1, 0xffffffff),
    metric,
    ...wayOf('route', spec, family),
    oif: spec.oif === undefined ? undefined : asIfindex('route.oif', spec.oif),
    multipath: spec.multipath === undefined ? undefined : rawPaths(spec.multipath, family),
    nhid: nhid === undefined ? undefined : asInteger('route.nhid', nhid, 1, 0xffffffff),
    prefsrc: prefsrc === undefined ? undefined : asIpOf('route.prefsrc', prefsrc, family),
    metrics,
    pref,
    expires: isDelete ? undefined : lifetime,
    realm,
  }
}

/** A route that was read names a nexthop object, and tells what it is: only the first is written. */
function checkNexthop(spec: RouteSpec): RouteSpec {
  if (spec.nhid !== undefined) {
    if ('status' in spec) {
      const { oif, gateway, multipath, encap, onlink, ...rest } = spec
      return rest
    }
    for (const name of OF_NEXTHOP)
      if (spec[name] !== undefined) throw new RangeError(`route.${name}: the nexthop object of \`nhid\` says that`)
  }
  if (spec.multipath === undefined) return spec
  for (const name of ['oif', 'gateway', 'encap'] as const)
    if (spec[name] !== undefined) throw new RangeError(`route.${name}: each of \`multipath\` says that for itself`)
  return spec
}

function refuseOthers(family: Family, { src, expires, pref, scope, realm, tos }: RouteSpec): void {
  if (family === 'ipv4') {
    refuseOf(family, 'route.src', src)
    refuseOf(family, 'route.expires', expires)
    refuseOf(family, 'route.pref', pref)
  } else {
    if (scope !== undefined && scope !== 'universe' && scope !== 0) refuseOf(family, 'route.scope', scope)
    refuseOf(family, 'route.realm', realm)
    if (tos !== 0) refuseOf(family, 'route.tos', tos)
  }
}

/** As `ip route` chooses it; 255 (nowhere) matches any in a deletion. */
function scopeOf({ scope, type, gateway, multipath, nhid }: RouteSpec, family: Family, isDelete: boolean): Scope {
  if (family === 'ipv6') return 'universe'
  if (scope !== undefined) return scope
  if (isDelete) return 'nowhere'
  if (type === 'local' || type === 'nat') return 'host'
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return 'link'
  const hasGateway =
    gateway !== undefined || nhid !== undefined || multipath?.some((path) => path.gateway !== undefined)
  return (type === undefined || type === 'unicast') && hasGateway !== true ? 'link' : 'universe'
}

function wayOf(name: string, { gateway, encap }: Pick<RouteSpec, 'gateway' | 'encap'>, family: Family) {
  const ip = gateway === undefined ? undefined : asIp(`${name}.gateway`, gateway)
  return {
    ...(ip === undefined ? {} : familyOf(ip) === family ? { gateway: ip } : { via: ip }),
    ...(encap === undefined ? {} : encapAttributes(`${name}.encap`, encap as Encap)),
  }
}

function pathsOf(paths: unknown): readonly RoutePath[] {
  const read = asList('route.multipath', paths, (name, one) => copyOf(name, one as RoutePath, PATH_KEYS))
  if (read.length === 0) throw new RangeError('route.multipath: it is empty')
  return read
}

function rawPaths(paths: readonly RoutePath[], family: Family): readonly RawPath[] {
  return paths.map((one, i) => {
    const name = `route.multipath[${i}]`
    const { oif, weight, onlink, realm } = one
    if (family === 'ipv6') refuseOf(family, `${name}.realm`, realm)
    return {
      flags: asFlag(`${name}.onlink`, onlink) === true ? RTNH_F_ONLINK : 0,
      hops: asInteger(`${name}.weight`, weight === undefined ? 1 : weight, 1, 256) - 1,
      oif: oif === undefined ? 0 : asIfindex(`${name}.oif`, oif),
      realm,
      ...wayOf(name, one, family),
    }
  })
}

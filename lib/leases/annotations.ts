/**
 * The codec of flannel's node annotations (flannel-contract 3): their keys, and their values in both directions.
 * Must not: decide which claim is believed (lib/leases/accepted), nor talk to the API server.
 */
import { ConfigError, LeaseError } from '../errors.ts'
import type { Family } from '../net/ip.ts'
import { type Lladdr, parseLladdr } from '../net/lladdr.ts'
import { parseVni, type Vni } from '../net/vni.ts'
import { flatText } from '../util/flat-text.ts'
import { foldKeys, isRecord } from '../util/go-json.ts'

export interface FamilyKeys {
  readonly backendData: string
  readonly publicIp: string
  /** Set by the user or k3s: publish this address instead. */
  readonly publicIpOverwrite: string
  /** Set by the user: counts like --public-ip. */
  readonly nodePublicIp: string
}

export interface AnnotationKeys {
  /** The value `true` marks a node as one that takes part. */
  readonly subnetManager: string
  readonly backendType: string
  readonly ipv4: FamilyKeys
  readonly ipv6: FamilyKeys
}

/** Kubernetes' limits for an annotation key: a DNS subdomain of 253 and a name of 63 characters. */
const QUALIFIED_NAME =
  /^(?=[^/]{1,253}\/)[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/(?=.{1,63}$)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/

/** `prefix` as --kube-annotation-prefix gives it: a domain (`a.org` → `a.org/…`) or a domain and a name (`a.org/b` → `a.org/b-…`). */
export function annotationKeys(prefix: string): AnnotationKeys {
  const slashes = prefix.split('/').length - 1
  const complete = slashes === 0 ? `${prefix}/` : /[/-]$/.test(prefix) ? prefix : `${prefix}-`
  if (slashes > 1 || !QUALIFIED_NAME.test(`${complete}node-public-ipv6`))
    throw new ConfigError(
      '--kube-annotation-prefix',
      `'${prefix}' makes no valid annotation keys: give a domain, or a domain and a short name (example.org, example.org/net)`,
    )
  const key = (name: string): string => complete + name
  return {
    subnetManager: key('kube-subnet-manager'),
    backendType: key('backend-type'),
    ipv4: {
      backendData: key('backend-data'),
      publicIp: key('public-ip'),
      publicIpOverwrite: key('public-ip-overwrite'),
      nodePublicIp: key('node-public-ip'),
    },
    ipv6: {
      backendData: key('backend-v6-data'),
      publicIp: key('public-ipv6'),
      publicIpOverwrite: key('public-ipv6-overwrite'),
      nodePublicIp: key('node-public-ipv6'),
    },
  }
}

/** Every key, for a reader that keeps only these of a Node. */
export function allKeys(keys: AnnotationKeys): ReadonlySet<string> {
  const ofFamily = (family: Family): string[] => Object.values(keys[family])
  return new Set([keys.subnetManager, keys.backendType, ...ofFamily('ipv4'), ...ofFamily('ipv6')])
}

/**
 * Exactly these bytes: flannel's own readers split this text at `:"`, so a further string field would break them. Of host-gw,
 * which has neither, what flannel makes of nothing (its AcquireLease marshals an absent json.RawMessage).
 */
export function renderBackendData(vni: Vni | undefined, lladdr: Lladdr | undefined): string {
  if (vni === undefined || lladdr === undefined) return 'null'
  return `{"VNI":${vni},"VtepMAC":"${lladdr}"}`
}

/** `vni` is undefined in what flannel wrote before it had one. */
export interface BackendData {
  readonly vni: Vni | undefined
  readonly lladdr: Lladdr
}

/** What flannel and vtepd write; the VNI without those digits that might make it too large. */
const USUAL_BACKEND_DATA = /^\{"VNI":([1-9][0-9]{0,6}),"VtepMAC":"([0-9a-f]{2}(?::[0-9a-f]{2}){5})"\}$/

/** Reads backend-data as JSON with keys in any case; `node` and `key` only name the place in the LeaseError. */
export function parseBackendData(node: string, key: string, text: string): BackendData {
  const usual = USUAL_BACKEND_DATA.exec(text)
  if (usual !== null) return { vni: parseVni(Number(usual[1])), lladdr: parseLladdr(flatText(usual[2] ?? '')) }
  const wrong = (reason: string, cause?: unknown): LeaseError => new LeaseError(node, key, reason, { cause })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw wrong(`not JSON: "${text}"`, cause)
  }
  if (!isRecord(value)) throw wrong(`not a JSON object: "${text}"`)
  const fields = foldKeys(value)
  const lladdr = fields.get('VtepMAC')
  const vni = fields.get('VNI')
  if (typeof lladdr !== 'string') throw wrong(`has no VtepMAC: "${text}"`)
  if (vni !== undefined && typeof vni !== 'number') throw wrong(`VNI is no number: "${text}"`)
  try {
    return { vni: vni === undefined ? undefined : parseVni(vni), lladdr: parseLladdr(lladdr) }
  } catch (cause) {
    throw wrong(cause instanceof RangeError ? cause.message : String(cause), cause)
  }
}

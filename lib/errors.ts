/**
 * Every error class of vtepd. Owns the stable `code` of each and how it reads in one line.
 * Must not: know how an error is shown or what is done about it (lib/overlay/classify, lib/cli).
 */

/** What all errors of vtepd have: a `code` that never changes once released, explained in docs/errors.md. */
export abstract class VtepdError extends Error {
  abstract readonly code: string
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The input (flag, file, environment) is wrong: reported before anything is touched; exit status 2. */
export class ConfigError extends VtepdError {
  readonly code = 'ERR_VTEPD_CONFIG'
  /** Where the fault stands: a flag (`--iface-regex`), a file with a key (`/etc/kube-flannel/net-conf.json: Backend.VNI`). */
  readonly where: string
  constructor(where: string, problem: string, options?: { cause?: unknown }) {
    super(`${where}: ${problem}`, options)
    this.where = where
  }
}

/** The kernel refused one request. `errno` is positive, `extack` the kernel's own sentence or ''. */
export class NetlinkError extends VtepdError {
  readonly code = 'ERR_VTEPD_NETLINK'
  readonly op: string
  readonly subject: string
  readonly errno: number
  readonly errnoName: string
  readonly extack: string
  /** Where in the request the kernel saw the fault, bytes from its begin; 0: it does not say. */
  readonly offset: number
  /** The attribute that begins there, by the names of its schema (`linkinfo.vxlan.id`); undefined: none, or nobody knows. */
  readonly attribute: string | undefined
  constructor(fields: {
    op: string
    subject: string
    errno: number
    errnoName: string
    extack: string
    offset?: number
    attribute?: string | undefined
  }) {
    const sentence = fields.errnoName === 'EPERM' && fields.extack === '' ? 'CAP_NET_ADMIN is missing' : fields.extack
    const because = sentence === '' ? '' : ` (${sentence})`
    const where = fields.attribute === undefined ? '' : ` at ${fields.attribute}`
    super(`${fields.op} ${fields.subject}: ${fields.errnoName}${because}${where}`)
    this.op = fields.op
    this.subject = fields.subject
    this.errno = fields.errno
    this.errnoName = fields.errnoName
    this.extack = fields.extack
    this.offset = fields.offset ?? 0
    this.attribute = fields.attribute
  }
}

/** The socket itself failed (opened, sent, received, timed out, closed): nothing is known of the request's effect. */
export class NetlinkSocketError extends VtepdError {
  readonly code = 'ERR_VTEPD_NETLINK_SOCKET'
  readonly op: string
  readonly errno: number
  readonly errnoName: string
  /**
   * What had come until then, in the form of the call's own answer: of a batch the BatchResult, -1 for what is not known; of a
   * dump the Dump, marked as interrupted; of getFdb the table. undefined: the call has no answer in parts.
   */
  readonly partial: unknown
  constructor(fields: { op: string; errno: number; errnoName: string; detail?: string; partial?: unknown }) {
    super(`${fields.op}: ${fields.errnoName}${fields.detail === undefined ? '' : ` (${fields.detail})`}`)
    this.op = fields.op
    this.errno = fields.errno
    this.errnoName = fields.errnoName
    this.partial = fields.partial
  }
}

/** A batch of which not every entry is known to be done, for who asked to have that thrown (`throwOnFailure`). */
export class BatchError<Result extends FailedBatch = FailedBatch> extends VtepdError {
  readonly code = 'ERR_VTEPD_BATCH'
  readonly result: Result
  constructor(result: Result) {
    const { errnos, failures, unknown } = result
    const [first] = failures
    const parts = [
      ...(failures.length > 0 ? [`${failures.length} refused`] : []),
      ...(unknown > 0 ? [`${unknown} unknown, since their answers were lost`] : []),
    ]
    const because = first === undefined || first.extack === '' ? '' : ` (${first.extack})`
    const which = first === undefined ? '' : `; the first is entry ${first.index}: ${first.errnoName}${because}`
    super(`batch of ${errnos.length} entries: ${parts.join(', ')}${which}`)
    this.result = result
  }
}

/** What a BatchError needs to know of its result. */
export interface FailedBatch {
  readonly errnos: Int32Array
  readonly failures: readonly {
    readonly index: number
    readonly errno: number
    readonly errnoName: string
    readonly extack: string
  }[]
  readonly unknown: number
}

/** The kernel's bytes do not decode: a bug of ours or a kernel from the future. Never retried blindly. */
export class NetlinkProtocolError extends VtepdError {
  readonly code = 'ERR_VTEPD_NETLINK_PROTOCOL'
}

/** Why a claim is not accepted, in one of few words: a label of metrics. */
export type LeaseFault =
  | 'unreadable'
  | 'incomplete'
  | 'other_backend'
  | 'outside_network'
  | 'not_unicast'
  | 'too_large'
  | 'underlay_unusable'
  | 'loop'
  | 'subnet_taken'
  | 'lladdr_taken'
  | 'ours'

/** One node's claim cannot be accepted: the lease is skipped, counted and named; the others go on. */
export class LeaseError extends VtepdError {
  readonly code = 'ERR_VTEPD_LEASE'
  readonly node: string
  readonly field: string
  readonly reason: string
  readonly fault: LeaseFault
  /** `fault`: default `unreadable`. */
  constructor(node: string, field: string, reason: string, options?: { cause?: unknown; fault?: LeaseFault }) {
    super(`node ${node}: ${field}: ${reason}`, options)
    this.node = node
    this.field = field
    this.reason = reason
    this.fault = options?.fault ?? 'unreadable'
  }
}

/** The API server refused or could not be reached. `status` is the HTTP status, 0 when there was no answer. */
export class KubeError extends VtepdError {
  readonly code = 'ERR_VTEPD_KUBE'
  readonly request: string
  readonly status: number
  readonly reason: string
  constructor(fields: { request: string; status: number; reason: string }, options?: { cause?: unknown }) {
    super(`${fields.request}: ${fields.status === 0 ? '' : `${fields.status} `}${fields.reason}`, options)
    this.request = fields.request
    this.status = fields.status
    this.reason = fields.reason
  }
}

/** nft or iptables refused a rule set. */
export class FirewallError extends VtepdError {
  readonly code = 'ERR_VTEPD_FIREWALL'
}

/** Another agent keeps this device in this network namespace (design decision 13); only one may. Exit status 1. */
export class LockedError extends VtepdError {
  readonly code = 'ERR_VTEPD_LOCKED'
  readonly device: string
  constructor(device: string, holder: string) {
    super(
      `${device} is already kept by ${holder}: stop that one first, only one agent may keep a device (--force starts beside a flannel all the same)`,
    )
    this.device = device
  }
}

/** This host lacks what vtepd cannot do without (a capability, VXLAN in the kernel), and waiting will not bring it. Exit status 1. */
export class HostError extends VtepdError {
  readonly code = 'ERR_VTEPD_HOST'
}

/** vtepd contradicts itself: a bug to report, never the user's fault. */
export class InvariantError extends VtepdError {
  readonly code = 'ERR_VTEPD_INVARIANT'
}

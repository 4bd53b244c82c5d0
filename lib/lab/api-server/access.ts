/**
 * Who asks, and what they may: bearer tokens and client certificates → users, users and rights → 401 and 403 in the words of
 * kube-apiserver, which name the missing right. Must not: know what a request does beyond its verb and resource.
 */
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { forbidden, type StatusError } from './status.ts'

/** Kubernetes' names of what a request does. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'other'

/** As in a ClusterRole; `*` is everything. */
export interface RbacRule {
  /** `nodes`, `nodes/status`, `pods`, `overlayclaims`, `overlayclaims/status`, `leases`. */
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

export interface ApiUser {
  readonly name: string
  /** A user without one comes by a client certificate with `name` as its common name. */
  readonly token?: string
  readonly rules: readonly RbacRule[]
  /** The node whose kubelet this is: since Kubernetes 1.32 it reads no Node but that one. */
  readonly kubeletOf?: string
}

/** What somebody wants to do; nobody needs a right for a path that does not exist. */
export interface Attempt {
  readonly verb: Verb
  readonly resource?: 'nodes' | 'nodes/status' | 'pods' | 'overlayclaims' | 'overlayclaims/status' | 'leases'
  /** '' for a collection. */
  readonly name?: string
  readonly namespace?: string
}

/** undefined: 401. */
export function userOf(users: readonly ApiUser[], request: IncomingMessage): ApiUser | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined)
    return users.find(({ token }) => token !== undefined && authorization === `Bearer ${token}`)
  const { socket } = request
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const commonName = socket.getPeerCertificate().subject?.CN
  return users.find(({ name }) => name === commonName)
}

/** undefined: it is allowed; else 403. */
export function refusalFor(user: ApiUser, attempt: Attempt): StatusError | undefined {
  const { verb, resource, name = '', namespace } = attempt
  if (resource === undefined || user.rules.some((rule) => covers(rule, verb, resource))) return undefined
  const because = user.kubeletOf === undefined ? '' : kubeletRefusal(user.kubeletOf, attempt)
  if (because === undefined) return undefined
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const what = `User "${user.name}" cannot ${verb} resource "${resource}" in API group "" ${where}${because}`
  return forbidden(resource.split('/', 1)[0] ?? '', name, what)
}

function covers(rule: RbacRule, verb: string, resource: string): boolean {
  const has = (list: readonly string[], wanted: string): boolean => list.includes('*') || list.includes(wanted)
  return has(rule.resources, resource) && has(rule.verbs, verb)
}

/** What the node authorizer adds to its refusal; undefined: it allows. */
function kubeletRefusal(node: string, { verb, resource, name = '' }: Attempt): string | undefined {
  if (resource === 'pods') return ''
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return verb === 'delete' ? '' : undefined
  if (name === node) return undefined
  return name === ''
    ? `: node '${node}' cannot read all nodes, only its own Node object`
    : `: node '${node}' cannot read '${name}', only its own Node object`
}

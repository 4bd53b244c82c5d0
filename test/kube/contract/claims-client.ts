/** Installs deploy/claims.yaml on a server of the contract, and asks about claims. Must not: compare anything. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Contract } from './servers.ts'

export const CLAIMS = '/apis/vtepd.dev/v1/overlayclaims'
export const APPLY = 'application/apply-patch+yaml'

export interface ManifestObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** Every object of the manifest. */
export function manifest(): ManifestObject[] {
  const file = path.join(import.meta.dirname, '..', '..', '..', 'deploy', 'claims.yaml')
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as ManifestObject)
}

/** Plural of a kind, as in paths. */
function pluralOf(kind: string): string {
  return kind.endsWith('y') ? `${kind.slice(0, -1).toLowerCase()}ies` : `${kind.toLowerCase()}s`
}

export function pathOf({ apiVersion, kind, metadata: { namespace } }: ManifestObject): string {
  const api = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
  return `${api}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${pluralOf(kind)}`
}

/** Resolves when claims are served; the embedded server has them from the beginning. `kinds`: of the manifest, in its order. */
export async function installClaims({ server, ask, must }: Contract, kinds: readonly string[]): Promise<void> {
  if (server.kind === 'embedded') return
  for (const object of manifest()) if (kinds.includes(object.kind)) await must('POST', pathOf(object), object)
  while ((await ask('GET', CLAIMS)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** A claim of an IPv4 node. `fields`: of spec.ipv4. */
export function claim(name: string, fields: object = {}, writer = 'Node'): object {
  const ipv4 = { underlay: '192.0.2.1', lladdr: '02:00:00:00:00:01', vni: 1, ...fields }
  return {
    apiVersion: 'vtepd.dev/v1',
    kind: 'OverlayClaim',
    metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: `uid-of-${name}` }] },
    spec: { writer, ipv4 },
  }
}

export function statusOf(name: string, ...subnets: readonly string[]): object {
  return {
    apiVersion: 'vtepd.dev/v1',
    kind: 'OverlayClaim',
    metadata: { name },
    status: { node: { uid: `uid-of-${name}`, creationTimestamp: '2026-05-01T00:00:00Z' }, subnets },
  }
}

export function applyPath(name: string, manager: string, endpoint = '', force = true): string {
  return `${CLAIMS}/${name}${endpoint}?fieldManager=${manager}${force ? '&force=true' : ''}`
}

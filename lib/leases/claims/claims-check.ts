/**
 * Whether every Node that takes part is claimed as its annotations say: one list of all Nodes' metadata, and what differs may be
 * asked for once more, later, as the mirror needs its time. Must not: follow anything, or decide what a difference means.
 */

import { fetchAnswer } from '../../kube-api/kube-http.ts'
import type { Clock } from '../../util/clock.ts'
import { pause } from '../../util/pause.ts'
import type { AnnotationKeys } from '../annotations.ts'
import { createNodeFormats } from '../wire/kube-formats.ts'
import { type NodeFacts, projectNode } from '../wire/node-facts.ts'
import { askJson, type Call } from './claim-api.ts'
import { familiesOf } from './claim-spec.ts'
import { saidBy } from './claims-stream.ts'

const AS_LIST = 'as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
const AS_ONE = 'as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const ACCEPT = `application/vnd.kubernetes.protobuf;${AS_LIST}, application/json;${AS_LIST}`
/** More than these are no stragglers. */
const MOST_STRAGGLERS = 20
/** The mirror lets annotations and a node's own claim differ for 30 s. */
const STRAGGLE_MS = 35_000

const formats = createNodeFormats()

/** What the claims say now. */
export interface Said {
  said(name: string): string | undefined
  names(): Iterable<string>
}

/** Names of Nodes that are not claimed as they say, and of claims without a Node; none: all is well. Rejects with KubeError. */
export async function findUnclaimed(options: {
  readonly call: <R>(work: (call: Call) => Promise<R>) => Promise<R>
  readonly claims: Said
  readonly keys: AnnotationKeys
  readonly wanted: ReadonlySet<string>
  readonly ownName: string
  /** The list is not older; undefined: it is the newest, which older API servers read from etcd. */
  readonly version: string | undefined
  /** Whether what differs is asked for once more, later. */
  readonly patient: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}): Promise<readonly string[]> {
  const { call, claims, keys, wanted, ownName, version } = options
  const differs = (node: NodeFacts): boolean => {
    const families = familiesOf(node, keys)
    const said = claims.said(node.name)
    return node.name !== ownName && said !== (families && saidBy(node.uid, families))
  }
  const nodes = await call((one) => listMetadata(one, wanted, version))
  const names = new Set(nodes.map(({ name }) => name))
  const suspects = [
    ...nodes.filter(differs).map(({ name }) => name),
    ...[...claims.names()].filter((name) => !names.has(name)),
  ]
  if (!options.patient || suspects.length === 0 || suspects.length > MOST_STRAGGLERS) return suspects
  await pause(options.clock, STRAGGLE_MS, options.signal)
  const still: string[] = []
  for (const name of suspects) {
    const node = await call((one) => getMetadata(one, name, wanted))
    if (node === undefined ? claims.said(name) !== undefined : differs(node)) still.push(name)
  }
  return still
}

async function listMetadata(
  call: Call,
  wanted: ReadonlySet<string>,
  version: string | undefined,
): Promise<readonly NodeFacts[]> {
  const from = version === undefined ? {} : { resourceVersion: version, resourceVersionMatch: 'NotOlderThan' }
  const path = `/api/v1/nodes?${new URLSearchParams(from)}`
  const request = { method: 'GET', path, accept: ACCEPT, what: 'list the metadata of nodes' } as const
  const { body, contentType } = await fetchAnswer({ ...call, request })
  return formats.of(contentType).decodePage(body, wanted, '').nodes
}

/** undefined: there is no Node of that name. Rejects with KubeError. */
export async function getMetadata(
  call: Call,
  name: string,
  wanted: ReadonlySet<string>,
): Promise<NodeFacts | undefined> {
  const path = `/api/v1/nodes/${encodeURIComponent(name)}`
  const accept = `application/json;${AS_ONE}`
  try {
    return projectNode(await askJson(call, { method: 'GET', path, accept, what: `get node ${name}` }), wanted, '')
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 404) return undefined
    throw error
  }
}

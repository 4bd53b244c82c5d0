/**
 * Reads what the API servers of the contract send: Nodes in every encoding, watches event by event.
 * Must not: retry, or follow anything by itself; that is what is tested elsewhere.
 */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { TestContext } from 'node:test'
import type { NodeEvent, NodePage } from '../../../lib/leases/wire/kube-events.ts'
import { createNodeFormats } from '../../../lib/leases/wire/kube-formats.ts'
import { pem } from '../certificates.ts'
import type { KubeUser } from '../real-kube.ts'
import { type Contract, NODES } from './servers.ts'

export const JSON_TYPE = 'application/json'
export const PROTOBUF = 'application/vnd.kubernetes.protobuf'
export const ENCODINGS = [JSON_TYPE, PROTOBUF] as const
export const METADATA = ';as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
export const METADATA_LIST = ';as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
export const STRATEGIC = 'application/strategic-merge-patch+json'

/** WatchList as vtepd asks for it. */
export const WATCH_LIST = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'

/** Annotation keys that the decoders keep. */
export const WANTED: ReadonlySet<string> = new Set(['example.com/one', 'example.com/two'])
/** Whose status they keep. */
export const OWN = 'me'

const formats = createNodeFormats()

/** The parts of a Node, a list or a Status that the tests look at. */
export interface Body {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly resourceVersion: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly items: readonly Body[]
  readonly spec: { readonly podCIDR?: string; readonly podCIDRs?: readonly string[] }
  readonly status: unknown
  readonly reason?: string
  readonly message?: string
  readonly code?: number
  readonly details?: object
}

/** A Node with a podCIDR and an annotation. */
export function plainNode(name: string, subnet: number): object {
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: { name, annotations: { 'example.com/one': `of ${name}` } },
    spec: { podCIDR: `10.42.${subnet}.0/24` },
  }
}

/** Creates Nodes of these names. */
export async function createNodes({ must }: Contract, ...names: readonly string[]): Promise<void> {
  for (const [index, name] of names.entries()) await must('POST', NODES, plainNode(name, index + 1))
}

export async function annotate({ must }: Contract, name: string, value: string): Promise<Body> {
  const body = { metadata: { annotations: { 'example.com/two': value } } }
  return (await must('PATCH', `${NODES}/${name}/status`, body, STRATEGIC)) as Body
}

export async function readList({ must }: Contract, query = ''): Promise<Body> {
  return (await must('GET', `${NODES}?${query}`)) as Body
}

/** What was asked and how it was refused, for comparisons that show which request was answered otherwise. */
export async function refusal(
  { ask }: Contract,
  method: string,
  path: string,
  options: Parameters<Contract['ask']>[2] = {},
): Promise<{ status: number; body: Body }> {
  const reply = await ask(method, path, options)
  return { status: reply.status, body: JSON.parse(reply.body.toString()) as Body }
}

/** The page that the decoder of the answer's encoding reads. */
export async function readPage({ ask }: Contract, path: string, accept: string): Promise<NodePage> {
  const reply = await ask('GET', path, { accept })
  assert.equal(reply.status, 200, reply.body.toString())
  assert.equal(reply.contentType, accept.split(';')[0])
  return formats.of(reply.contentType).decodePage(reply.body, WANTED, OWN)
}

export interface WatchClient {
  readonly contentType: string | undefined
  /** The next event; undefined when the stream has ended. Rejects when it was cut. */
  next(): Promise<NodeEvent | undefined>
  /** Everything until the stream ends. */
  rest(): Promise<NodeEvent[]>
}

/** `query` with `watch=1`. Ends with the test. Fails when the answer is not 200. */
export async function watch(
  t: TestContext,
  { server }: Contract,
  query: string,
  { accept = JSON_TYPE, user = 'admin' }: { accept?: string; user?: KubeUser } = {},
): Promise<WatchClient> {
  const agent = new Agent({ ca: pem(server.caFile) })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { accept, authorization: `Bearer ${server.token(user)}` }
    const sent = request(`${server.url}${NODES}?${query}`, { agent, headers }, resolve)
    sent.on('error', reject)
    sent.end()
    t.after(() => void sent.destroy())
  })
  response.on('error', () => undefined)
  const contentType = response.headers['content-type']
  assert.equal(response.statusCode, 200)
  const events = decoded(response)
  const next = async (): Promise<NodeEvent | undefined> => (await events.next()).value ?? undefined
  return {
    contentType,
    next,
    async rest() {
      const all: NodeEvent[] = []
      for await (const event of events) all.push(event)
      return all
    },
  }
}

async function* decoded(response: IncomingMessage): AsyncGenerator<NodeEvent, undefined> {
  const decoder = formats.of(response.headers['content-type']).createDecoder(WANTED, OWN)
  for await (const chunk of response as AsyncIterable<Buffer>) for (const event of decoder.push(chunk)) yield event
  return undefined
}

/** `put a`, `delete a`, `bookmark`, `end of list`, `error 410`, `end`. */
export function short(event: NodeEvent | undefined): string {
  if (event === undefined) return 'end'
  if (event.kind === 'put') return `put ${event.node.name}`
  if (event.kind === 'delete') return `delete ${event.name}`
  if (event.kind === 'error') return `error ${event.status}`
  return event.initialEventsEnd ? 'end of list' : 'bookmark'
}

/** As many as there are names, in short. */
export async function shorts(client: WatchClient, count: number): Promise<string[]> {
  const seen: string[] = []
  for (let i = 0; i < count; i += 1) seen.push(short(await client.next()))
  return seen
}

/**
 * An HTTP server whose every answer a test writes by hand: for what a real API server does only on its worst days.
 * Must not: know anything of Kubernetes beyond the shape of a Node, an event and a Status.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export type Answer = (response: ServerResponse, request: IncomingMessage) => void

export interface ScriptedHttp {
  readonly url: string
  /** Paths with query, in the order of arrival. */
  readonly requests: readonly string[]
  /** The header Accept of each. */
  readonly accepts: readonly string[]
  /** Answers are used up in this order, one a request; the last one answers all that follow. */
  script(...answers: Answer[]): void
  /** Reads of one Node from etcd, that is without a version, are answered by this, and stand in no list of requests. */
  single(answer: Answer): void
}

/** Listens on loopback until the test ends. */
export async function startScriptedHttp(t: TestContext): Promise<ScriptedHttp> {
  const requests: string[] = []
  const accepts: string[] = []
  let answers: Answer[] = []
  let single: Answer | undefined
  const server = createServer((request, response) => {
    if (single !== undefined && /^\/api\/v1\/nodes\/[^?/]+$/.test(request.url ?? '')) {
      single(response, request)
      return
    }
    requests.push(request.url ?? '')
    accepts.push(request.headers.accept ?? '')
    response.on('error', () => undefined)
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    if (answer === undefined) response.destroy()
    else answer(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    accepts,
    script(...next) {
      answers = next
    },
    single(answer) {
      single = answer
    },
  }
}

/** A 200 whose body begins with these lines and stays open. */
export const open =
  (...lines: string[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(lines.map((line) => `${line}\n`).join(''))
    response.flushHeaders()
  }

/** A 200 with these bytes as protobuf that stays open. */
export const openProtobuf =
  (bytes: Uint8Array): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf;stream=watch' })
    response.write(bytes)
    response.flushHeaders()
  }

/** A 200 with these lines that ends as it should. */
export const ended =
  (...lines: string[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(lines.map((line) => `${line}\n`).join(''))
  }

/** A 200 with these lines, cut off in the middle. */
export const cut =
  (...lines: string[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(lines.map((line) => `${line}\n`).join(''), () => response.destroy())
  }

/** No byte ever. */
export const silence: Answer = () => undefined

/** The connection closed without an answer. */
export const reset: Answer = (response) => void response.destroy()

/** An error with a Status. */
export const refused =
  (code: number, message: string, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message }))
  }

export interface NodeText {
  readonly name: string
  /** Default: follows from the name. */
  readonly uid?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly podCidrs?: readonly string[]
}

/** A Node with its members in the API server's order. */
export function nodeObject(node: NodeText, resourceVersion: string): object {
  const { name, uid = `uid-${name}`, annotations, podCidrs = [] } = node
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: {
      name,
      uid,
      resourceVersion,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(annotations === undefined ? {} : { annotations }),
      managedFields: [{ manager: 'kubelet', fieldsV1: { 'f:status': {}, 'f:spec': { 'f:podCIDR': {} } } }],
    },
    spec: podCidrs.length === 0 ? {} : { podCIDR: podCidrs[0], podCIDRs: podCidrs },
    status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: {} },
  }
}

/** One Node, as a read answers it. */
export const answerNode =
  (node: NodeText, resourceVersion = '50'): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(nodeObject(node, resourceVersion)))
  }

/** One line of a watch. */
export function event(type: 'ADDED' | 'MODIFIED' | 'DELETED', node: NodeText, resourceVersion: string): string {
  return JSON.stringify({ type, object: nodeObject(node, resourceVersion) })
}

/** The same of a watch that was asked for metadata alone. */
export function metadataEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', node: NodeText, resourceVersion: string): string {
  const { metadata } = nodeObject(node, resourceVersion) as { metadata: object }
  const object = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
  return JSON.stringify({ type, object })
}

export function bookmark(resourceVersion: string, initialEventsEnd = false): string {
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}
  return JSON.stringify({
    type: 'BOOKMARK',
    object: {
      kind: 'Node',
      apiVersion: 'v1',
      metadata: { resourceVersion, ...annotations },
      spec: {},
      status: { nodeInfo: {} },
    },
  })
}

export function errorEvent(code: number, message: string): string {
  return JSON.stringify({ type: 'ERROR', object: { kind: 'Status', metadata: {}, status: 'Failure', code, message } })
}

/** A page of a list. */
export function page(nodes: readonly NodeText[], resourceVersion: string, token?: string): string {
  const metadata = { resourceVersion, ...(token === undefined ? {} : { continue: token }) }
  return JSON.stringify({ kind: 'NodeList', metadata, items: nodes.map((node) => nodeObject(node, resourceVersion)) })
}

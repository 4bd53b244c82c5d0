/**
 * Records what a real kube-apiserver sends, the same in JSON and in protobuf, for test/leases/wire/recorded-streams.test.ts:
 * `node --import tsx test/kube/record-streams.ts`. Needed again only for a new version of the API server.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { nodeObject } from './node-objects.ts'
import { ensurePrograms } from './programs.ts'
import { type KubeUser, type RealKube, startRealKube } from './real-kube.ts'

const FOLDER = path.join(import.meta.dirname, '..', 'leases', 'recorded')
const NODES = '/api/v1/nodes'
const FORMATS = {
  json: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf;stream=watch, application/json',
} as const
const AS_METADATA = 'as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const METADATA_FORMATS = {
  json: `application/json;${AS_METADATA}`,
  protobuf: `application/vnd.kubernetes.protobuf;${AS_METADATA};stream=watch`,
} as const
const WATCH_LIST = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'

const kube = await startRealKube(ensurePrograms())
try {
  await create('a', nodeObject('a', 1))
  await create('me', nodeObject('me', 2, { images: 1, podCidrs: ['10.0.1.0/25', 'fd00:42:0:1::/64'] }))
  await create('young', { kind: 'Node', apiVersion: 'v1', metadata: { name: 'young' } })
  await create('unmarked', nodeObject('unmarked', 3, { annotations: false, images: 0 }))
  await record('page', `${NODES}?limit=2`)
  await record('list', NODES)
  await record('node', `${NODES}/me`)
  await record('metadata', `${NODES}?${WATCH_LIST}&timeoutSeconds=1`, 'admin', METADATA_FORMATS)
  await record('forbidden', NODES, 'nobody')
  const watched = record('watch', `${NODES}?${WATCH_LIST}&timeoutSeconds=4`)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await patch('a', {
    metadata: { annotations: { 'flannel.alpha.coreos.com/public-ip': '172.16.9.9', note: '"},"spec":{ äöü' } },
  })
  await patch('young', { spec: { podCIDR: '10.0.2.0/25' } })
  await must(kube.ask('DELETE', `${NODES}/unmarked`))
  await must(kube.ask('DELETE', `${NODES}/young`))
  await watched
  await kube.compact()
  await kube.stopApiServer()
  await kube.startApiServer()
  await record('expired', `${NODES}?watch=1&resourceVersion=2&timeoutSeconds=2`)
} finally {
  await kube.close()
}

async function record(
  name: string,
  at: string,
  user: KubeUser = 'admin',
  formats: Readonly<Record<keyof typeof FORMATS, string>> = FORMATS,
): Promise<void> {
  await Promise.all(
    Object.entries(formats).map(async ([format, accept]) => {
      const { body } = await kube.ask('GET', at, { accept, user })
      writeFileSync(path.join(FOLDER, format, name), body)
    }),
  )
}

async function create(name: string, body: object): Promise<void> {
  await must(kube.ask('POST', NODES, { body }))
  const { status, metadata } = body as { status?: object; metadata: object }
  if (status !== undefined) await patch(name, { status, metadata }, '/status')
}

function patch(name: string, body: object, suffix = ''): Promise<void> {
  const contentType = 'application/strategic-merge-patch+json'
  return must(kube.ask('PATCH', `${NODES}/${name}${suffix}`, { body, contentType }))
}

async function must(asked: ReturnType<RealKube['ask']>): Promise<void> {
  const { status, body } = await asked
  if (status >= 300) throw new Error(`${status}: ${body}`)
}

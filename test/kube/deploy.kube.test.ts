/**
 * What is in deploy/: the chart and what is made of it are one thing, helm and kustomize take them, and a real kube-apiserver takes
 * every object of them. Must not: install any of it (test/cluster does).
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { deployProgramPaths } from './deploy-programs.ts'
import { findPrograms, WITH_REAL_KUBE } from './programs.ts'
import { type RealKube, startRealKube } from './real-kube.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const NAMESPACE = '--namespace=kube-system'
const { helm, kustomize } = deployProgramPaths()
const skip = WITH_REAL_KUBE ? false : 'needs npm run test:kube'

/** What each folder of kustomize is, as values of the chart. */
const OVERLAYS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  'overlays/flannel': ['--set=cni.kind=flannel'],
  'overlays/k3s': ['--values=deploy/k3s/values.yaml'],
  'overlays/objects': ['--set=claims=true'],
  'overlays/cleanup': ['--set=cleanup=true'],
}
/** Further values that users give. */
const VALUES = [
  ['--set=podCidr=', '--set=podCidrv6=fd42::/48', '--set=cni.kind=none'],
  [
    '--set=hostSysctls=true',
    '--set=enableNFTables=true',
    '--set-json=extraArgs=["--iface=mgmt0","--vxlan-allow=known"]',
  ],
  [
    '--set-json=backend={"Type":"vxlan","VNI":4096,"Port":4789,"DirectRouting":true}',
    '--set=apiServerUrl=https://10.0.0.1:6443',
  ],
  ['--set=metrics.port=8082'],
  [
    '--set-json=imagePullSecrets=[{"name":"mine"}]',
    '--set=image.repository=10.0.0.1:5000/vtepd',
    '--set=seLinuxOptions=null',
  ],
]
const REFUSED: readonly (readonly [value: string, because: RegExp])[] = [
  ['cni.kind=calico', /cni\/kind/],
  ['podCidr=10.42.0.0', /podCidr/],
  ['podCidrv6=10.42.0.0/16', /podCidrv6/],
  ['imge.tag=1', /imge/],
  ['image.pullPolicy=Sometimes', /pullPolicy/],
  ['healthzPort=80', /healthzPort/],
  ['backend.Type=wireguard', /backend\/Type/],
  ['backend.VNI=16777216', /VNI/],
  ['extraArgs={foo}', /extraArgs/],
  ['cni.confDir=net.d', /confDir/],
  ['cni.confName=10-flannel.conf', /confName/],
  ['metrics.port=80', /metrics\/port/],
  ['metrics.podMonitor=true', /metrics\.port/],
  ['podCidr=', /give podCidr, podCidrv6 or both/],
]

interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

interface Agent {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string>; readonly annotations?: Record<string, string> }
      readonly spec: {
        readonly containers: readonly {
          readonly args: readonly string[]
          readonly ports: readonly { name: string }[]
        }[]
      }
    }
  }
}

interface Monitor {
  readonly spec: {
    readonly selector: { readonly matchLabels: Record<string, string> }
    readonly podMetricsEndpoints: readonly { readonly port: string }[]
  }
}

const run = (program: string, ...words: readonly string[]): string =>
  execFileSync(program, words, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] })
const objectsIn = (text: string): KubeObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null)
const byName = (objects: readonly KubeObject[]): Map<string, KubeObject> =>
  new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]))
const ofChart = (...values: readonly string[]): KubeObject[] =>
  objectsIn(run(helm, 'template', 'vtepd', 'deploy', NAMESPACE, ...values))
const ofFolder = (folder: string): KubeObject[] => objectsIn(run(kustomize, 'build', `deploy/kustomize/${folder}`))

describe('deploy', { skip }, () => {
  let kube: RealKube
  before(async () => {
    kube = await startRealKube(findPrograms(), ['--allow-privileged=true'])
  })
  after(() => kube?.close())

  test('helm finds no fault in the chart', () => {
    run(helm, 'lint', '--strict', 'deploy', NAMESPACE)
  })
  test('chart and package have one version', () => {
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
    const chart = parseAllDocuments(readFileSync(path.join(ROOT, 'deploy/Chart.yaml'), 'utf8'))[0]?.toJS()
    assert.deepEqual([chart.version, chart.appVersion], [version, version])
  })
  test('what is made of the chart is what npm run build:manifests makes', () => {
    run(process.execPath, 'scripts/release/manifests.mjs', '--check')
  })
  test('every container has the image that the values name, those of claims.yaml too', () => {
    const text = run(
      helm,
      'template',
      'vtepd',
      'deploy',
      NAMESPACE,
      '--set=claims=true',
      '--set=image.tag=v7',
      '--set=image.repository=mine',
    )
    const images = [...text.matchAll(/^ +(?:- )?image: (.*)$/gm)].map(([, image]) => image)
    assert.ok(images.length > 2)
    assert.deepEqual([...new Set(images)], ['mine:v7'])
  })
  test('Prometheus finds the pods by annotations, or by a PodMonitor; its rules are those of the file', () => {
    const agentOf = (objects: readonly KubeObject[]): Agent =>
      byName(objects).get('DaemonSet vtepd') as unknown as Agent
    const annotated = agentOf(ofChart('--set=metrics.port=8082')).spec.template
    assert.equal(annotated.metadata.annotations?.['prometheus.io/port'], '8082')
    assert.ok(annotated.spec.containers[0]?.args.includes('--metrics-bind-address=:8082'))
    const objects = ofChart('--set=metrics.port=8082,metrics.podMonitor=true,metrics.rules=true')
    assert.equal(agentOf(objects).spec.template.metadata.annotations, undefined)
    const monitor = byName(objects).get('PodMonitor vtepd') as unknown as Monitor
    const { metadata, spec } = agentOf(objects).spec.template
    for (const [key, value] of Object.entries(monitor.spec.selector.matchLabels))
      assert.equal(metadata.labels[key], value)
    assert.equal(spec.containers[0]?.ports[0]?.name, monitor.spec.podMetricsEndpoints[0]?.port)
    const rules = byName(objects).get('PrometheusRule vtepd') as unknown as { spec: unknown }
    const file = readFileSync(path.join(ROOT, 'deploy/monitoring/alerts.yaml'), 'utf8')
    assert.deepEqual(rules.spec, parseAllDocuments(file)[0]?.toJS())
    assert.equal(
      ofChart().some(({ apiVersion }) => apiVersion.startsWith('monitoring.coreos.com')),
      false,
    )
  })
  for (const [folder, values] of Object.entries(OVERLAYS))
    test(`kustomize's ${folder} is the chart with ${values.join(' ') || 'its own values'}`, () => {
      assert.deepEqual(byName(ofFolder(folder)), byName(ofChart(...values)))
    })
  for (const [value, because] of REFUSED)
    test(`the chart refuses ${value}`, () => {
      const { status, stderr } = spawnSync(helm, ['template', 'vtepd', 'deploy', NAMESPACE, '--set', value], {
        cwd: ROOT,
        encoding: 'utf8',
      })
      assert.equal(status, 1)
      assert.match(stderr, because)
    })
  test('the chart refuses another namespace', () => {
    const { status, stderr } = spawnSync(helm, ['template', 'vtepd', 'deploy'], { cwd: ROOT, encoding: 'utf8' })
    assert.equal(status, 1)
    assert.match(stderr, /--namespace kube-system/)
  })
  for (const values of [...Object.values(OVERLAYS), ...VALUES])
    test(`kube-apiserver takes every object with ${values.join(' ') || "the chart's own values"}`, async () => {
      for (const object of ofChart(...values)) await takes(kube, object)
    })
  test('an object with a field that does not exist is not taken: the server looks', async () => {
    const daemonSet = ofChart().find(({ kind }) => kind === 'DaemonSet')
    assert.ok(daemonSet !== undefined)
    await assert.rejects(takes(kube, { ...daemonSet, spec: {} } as KubeObject), /spec/)
  })
})

/** A server-side apply that is not kept. */
async function takes(kube: RealKube, object: KubeObject): Promise<void> {
  const at = object.apiVersion.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`
  const { resources } = JSON.parse((await kube.ask('GET', at)).body.toString()) as {
    resources: readonly { name: string; kind: string; namespaced: boolean }[]
  }
  const resource = resources.find(({ kind, name }) => kind === object.kind && !name.includes('/'))
  assert.ok(resource !== undefined, `${object.apiVersion} has no ${object.kind}`)
  const { name, namespace } = object.metadata
  const where = resource.namespaced ? `/namespaces/${namespace}/${resource.name}` : `/${resource.name}`
  const query = 'fieldManager=test&dryRun=All&fieldValidation=Strict'
  const { status, body } = await kube.ask('PATCH', `${at}${where}/${name}?${query}`, {
    body: object,
    contentType: 'application/apply-patch+yaml',
  })
  assert.ok(status < 300, `${object.kind} ${name}: ${status} ${body}`)
}

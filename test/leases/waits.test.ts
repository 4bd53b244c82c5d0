/**
 * Whatever a source waits for is one warning at first, then one a minute, with the reason and since when, and its end one line:
 * nothing is waited for in silence.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { closeSync, openSync, unlinkSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type ApiServer, startApiServer } from '../../lib/lab/api-server/api-server.ts'
import { createFileSource } from '../../lib/leases/file.ts'
import { createKubeSource, type KubeSourceConfig } from '../../lib/leases/kube.ts'
import type { LeaseSource } from '../../lib/leases/source.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { claim4, createMemoryLog, dualNetwork, type MemoryLog, PREFIX, until, v4Network } from './support.ts'

const run = promisify(execFile)
const MINUTE = 60_000
/** Less than what a connection may take. */
const LONGEST_PAUSE_MS = 9000

interface Wait {
  readonly api: ApiServer
  readonly folder: string
  readonly clock: ManualClock
  readonly log: MemoryLog
  kube(config?: Partial<KubeSourceConfig>): LeaseSource
  file(): LeaseSource
}

async function setUp(t: TestContext, network = v4Network): Promise<Wait> {
  const api = await startApiServer()
  t.after(() => api.close())
  const folder = await mkdtemp(path.join(tmpdir(), 'vtepd-waits-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const clock = createManualClock()
  const log = createMemoryLog()
  const started = (source: LeaseSource): LeaseSource => {
    t.after(() => source.close())
    source.start(() => undefined)
    return source
  }
  return {
    api,
    folder,
    clock,
    log,
    kube: (config = {}) =>
      started(
        createKubeSource({
          config: {
            kubeconfigFile: undefined,
            apiUrl: api.url,
            annotationPrefix: PREFIX,
            setNodeNetworkUnavailable: true,
            node: { name: 'me' },
            ...config,
          },
          network,
          log,
          clock,
          random: () => 0,
        }),
      ),
    file: () =>
      started(createFileSource({ path: path.join(folder, 'leases.json'), nodeName: 'me', network, log, clock })),
  }
}

const toldOf = (log: MemoryLog, event: string) => log.of(event).map(({ level, message }) => `${level} ${message}`)

/** The first warning has come, with this reason; then three minutes pass, and each has its line. */
async function insist({ clock, log }: Wait, event: string, reason: RegExp): Promise<void> {
  await until(() => log.of(event).length > 0, `${event}, told ${JSON.stringify(log.lines)}`)
  const [first] = toldOf(log, event)
  assert.match(first ?? '', /^warn waiting for |^warn .*: waiting$/)
  assert.match(first ?? '', reason)
  const before = log.of(event).length
  for (const minute of [1, 2, 3]) {
    clock.advance(MINUTE)
    const lines = toldOf(log, event).slice(before)
    assert.equal(lines.length, minute, JSON.stringify(lines))
    assert.match(lines.at(-1) ?? '', new RegExp(`^warn .* \\(for ${minute} min\\)$`))
  }
}

/** What was waited for has come: one line says so, and nothing is told after it. */
async function insistOnEnd({ clock, log }: Wait, event: string, end: RegExp): Promise<void> {
  const last = (): string => toldOf(log, event).at(-1) ?? ''
  await until(() => {
    if (last().startsWith('info')) return true
    if (clock.nextIn !== undefined && clock.nextIn < LONGEST_PAUSE_MS) clock.advance(clock.nextIn)
    return false
  }, `the end of ${event}, told ${last()}`)
  assert.match(last(), end)
  assert.match(last(), /\(after \d+ min\)$/)
}

const nodeOf = (name: string, podCIDRs: readonly string[] = ['10.42.9.0/24']) => ({
  metadata: { name },
  spec: podCIDRs.length === 0 ? {} : { podCIDR: podCIDRs[0] ?? '', podCIDRs },
})

test('a kubeconfig that is not there', async (t) => {
  const wait = await setUp(t)
  const file = path.join(wait.folder, 'kubeconfig')
  wait.api.nodes.create(nodeOf('me'))
  wait.kube({ kubeconfigFile: file, apiUrl: undefined })
  await insist(wait, 'leases.kube', /waiting for the API server: .*kubeconfig: does not exist yet/)
  await writeFile(file, wait.api.kubeconfig())
  await insistOnEnd(wait, 'leases.kube', /the API server answers again/)
})

test('an API server that is away from the start', async (t) => {
  const wait = await setUp(t)
  wait.api.nodes.create(nodeOf('me'))
  wait.api.setUnavailable('drop')
  wait.kube()
  await insist(wait, 'leases.kube', /waiting for the API server: get node me: /)
  wait.api.setUnavailable(false)
  await insistOnEnd(wait, 'leases.kube', /the API server answers again/)
})

test('an API server that goes away later: what that means for the peers is said', async (t) => {
  const wait = await setUp(t)
  wait.api.nodes.create(nodeOf('me'))
  const source = wait.kube()
  await until(() => source.view().synced, 'the list')
  wait.api.setUnavailable(true)
  await insist(wait, 'leases.kube', /what is known stays in force, new nodes are not reached: watch nodes: /)
  wait.api.setUnavailable(false)
  await insistOnEnd(wait, 'leases.kube', /the API server answers again/)
})

test('a certificate that is not valid yet', async (t) => {
  const wait = await setUp(t)
  let files: { readonly key: string; readonly cert: string }
  try {
    files = await makeFutureCertificate(wait.folder)
  } catch {
    t.skip('needs the program openssl')
    return
  }
  const server = createServer({ key: await readFile(files.key), cert: await readFile(files.cert) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const kubeconfigFile = path.join(wait.folder, 'kubeconfig')
  const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': files.cert }
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  await writeFile(kubeconfigFile, JSON.stringify(config))
  wait.kube({ kubeconfigFile, apiUrl: undefined })
  await insist(wait, 'leases.kube', /waiting for the API server: get node me: certificate is not yet valid/)
})

async function makeFutureCertificate(folder: string): Promise<{ readonly key: string; readonly cert: string }> {
  const file = (name: string): string => path.join(folder, name)
  const config = [
    '[ca]\ndefault_ca=d',
    `[d]\ndatabase=${file('index')}\nnew_certs_dir=${folder}\ndefault_md=sha256\nrand_serial=yes\npolicy=p\nx509_extensions=x`,
    '[p]\ncommonName=supplied',
    '[x]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:TRUE',
    '[req]\ndistinguished_name=dn\n[dn]\n',
  ]
  await writeFile(file('openssl.cnf'), config.join('\n'))
  await writeFile(file('index'), '')
  const common = ['-config', file('openssl.cnf')]
  const [key, cert, csr] = [file('key.pem'), file('cert.pem'), file('csr.pem')]
  const newKey = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', '/CN=future']
  await run('openssl', ['req', '-new', ...common, ...newKey, '-out', csr])
  const dates = ['-startdate', '20400101000000Z', '-enddate', '20420101000000Z']
  const words = ['-selfsign', '-batch', '-notext', '-keyfile', key, '-in', csr, '-out', cert]
  await run('openssl', ['ca', ...common, ...words, ...dates])
  return { key, cert }
}

test('a file system, or a program, that never gives the credentials: nothing piles up, and close does not wait for it', async (t) => {
  const wait = await setUp(t)
  const kubeconfigFile = path.join(wait.folder, 'kubeconfig')
  await run('mkfifo', [kubeconfigFile])
  const source = wait.kube({ kubeconfigFile, apiUrl: undefined })
  await until(() => wait.clock.pending === 2, 'the reading')
  wait.clock.advance(20_000)
  await insist(wait, 'leases.kube', /waiting for the API server: no answer for 20 s/)
  const reasons = new Set<string>()
  for (let passed = 0; passed < 20 * MINUTE; passed += 5000) {
    await wait.clock.run(5000)
    const view = source.view()
    reasons.add(view.synced ? '' : view.because)
  }
  assert.deepEqual([...reasons].sort(), ['credentials: not given within 60 s', 'no answer for 20 s'])
  // Each that hangs takes one of the four threads on which files are read.
  await readFile(new URL(import.meta.url))
  await source.close()
  assert.equal(wait.clock.pending, 0)
  const end = openSync(kubeconfigFile, 'r+')
  unlinkSync(kubeconfigFile)
  closeSync(end)
})

test('a pod that has no node yet', async (t) => {
  const wait = await setUp(t)
  wait.api.nodes.create(nodeOf('me'))
  wait.api.pods.create({ metadata: { name: 'p', namespace: 'kube-system' }, spec: {} })
  wait.kube({ node: { pod: 'p', podNamespace: 'kube-system' } })
  await insist(wait, 'leases.kube', /get pod kube-system\/p: it has no spec\.nodeName yet/)
  wait.api.pods.delete('kube-system', 'p')
  wait.api.pods.create({ metadata: { name: 'p', namespace: 'kube-system' }, spec: { nodeName: 'me' } })
  await insistOnEnd(wait, 'leases.kube', /the API server answers again/)
})

test('our own Node that is not there, and then has no podCIDR', async (t) => {
  const wait = await setUp(t)
  wait.kube()
  await insist(wait, 'leases.own-node', /the API server knows no Node me \(our own\) among 0: not created yet/)
  wait.api.nodes.create(nodeOf('me', []))
  await insistOnEnd(wait, 'leases.own-node', /we are listed/)
  await insist(wait, 'leases.own-subnet', /Node me has no IPv4 podCIDR: the controller manager gives it/)
  wait.api.nodes.update(nodeOf('me'))
  await insistOnEnd(wait, 'leases.own-subnet', /we have our subnets/)
})

test('a Node of ours under another case or with another domain is named', async (t) => {
  for (const [name, there] of [
    ['Node1', 'node1'],
    ['node1.example.com', 'node1'],
    ['node1', 'node1.example.com'],
  ] as const) {
    const wait = await setUp(t)
    wait.api.nodes.create(nodeOf(there))
    wait.api.nodes.create(nodeOf('node2', ['10.42.2.0/24']))
    const source = wait.kube({ node: { name } })
    const hint = new RegExp(`knows no Node ${name} .*; there is a Node ${there}: set NODE_NAME=${there}`)
    await insist(wait, 'leases.own-node', hint)
    assert.match(JSON.stringify(source.view()), hint, 'in the view, too')
  }
})

test('a podCIDR of one family only, where both are wanted, and one that is outside the network', async (t) => {
  const one = await setUp(t, dualNetwork)
  one.api.nodes.create(nodeOf('me'))
  one.kube()
  await insist(one, 'leases.own-subnet', /Node me has no IPv6 podCIDR/)
  const outside = await setUp(t)
  outside.api.nodes.create(nodeOf('me', ['10.99.0.0/24']))
  outside.kube()
  await insist(outside, 'leases.own-subnet', /our own podCIDR 10\.99\.0\.0\/24 is outside the network 10\.42\.0\.0\/16/)
})

test('a leases file that is not there, then lacks our entry, then its subnet', async (t) => {
  const wait = await setUp(t, dualNetwork)
  const file = path.join(wait.folder, 'leases.json')
  const { subnet, underlay, lladdr } = claim4(1)
  const write = async (...entries: readonly object[]): Promise<void> => {
    await writeFile(file, JSON.stringify([{ name: 'ME', ipv4: { subnet, underlay, lladdr } }, ...entries]))
  }
  wait.file()
  await insist(wait, 'leases.file-missing', /leases\.json does not exist: waiting/)
  await write()
  await insistOnEnd(wait, 'leases.file-missing', /leases\.json is read/)
  await insist(wait, 'leases.own-node', /has no entry for this node, me; there is a Node ME: set NODE_NAME=ME/)
  await write({ name: 'me', ipv4: { subnet: '10.42.9.0/24' } })
  await insistOnEnd(wait, 'leases.own-node', /we are listed/)
  await insist(wait, 'leases.own-subnet', /the entry of me in .* has no IPv6/)
})

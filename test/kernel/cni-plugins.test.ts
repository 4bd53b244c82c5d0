/**
 * `--cni=bridge` with the real plugins of containernetworking/plugins, called as a container runtime calls them: pods of two nodes
 * reach one another, and nothing of them stays when they end.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { type AgentFolder, createAgentFolder, startAgentProcess } from '../support/agent-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

/** Where Debian's containernetworking-plugins has them; elsewhere VTEPD_CNI_PLUGINS says where. */
const PLUGINS = process.env.VTEPD_CNI_PLUGINS ?? '/usr/lib/cni'
const skip =
  kernelTests.skip ||
  (existsSync(path.join(PLUGINS, 'bridge')) ? false : `needs ${PLUGINS}/bridge (Debian: containernetworking-plugins)`)

const NETWORKS = { ipv4: '10.42.0.0/16', ipv6: 'fd00:42::/48' } as const
const SUBNETS = {
  ipv4: ['10.42.1.0/24', '10.42.2.0/24'],
  ipv6: ['fd00:42:0:1::/64', 'fd00:42:0:2::/64'],
} as const
const UNDERLAYS = { ipv4: ['192.168.1.1', '192.168.1.2'], ipv6: ['fd00:1::1', 'fd00:1::2'] } as const
const FAMILIES = ['ipv4', 'ipv6'] as const
type Family = (typeof FAMILIES)[number]

interface Node {
  readonly netns: Netns
  readonly folder: AgentFolder
  readonly file: string
}

interface Pod {
  readonly netns: Netns
  readonly ips: readonly string[]
  remove(): Promise<void>
}

interface Result {
  readonly ips: readonly { readonly address: string }[]
}

async function startNodes(t: TestContext, families: readonly Family[], flags: readonly string[]): Promise<Node[]> {
  const spaces = [await createNetns(t, 'node'), await createNetns(t, 'node')]
  const [first, second] = spaces as [Netns, Netns]
  await first.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', second.name)
  const leases = ['a', 'b'].map((name, n) => ({
    name,
    ...Object.fromEntries(
      families.map((family) => {
        const lladdr = `0e:00:00:00:0${family === 'ipv4' ? 4 : 6}:0${n + 1}`
        return [family, { subnet: SUBNETS[family][n], underlay: UNDERLAYS[family][n], lladdr }]
      }),
    ),
  }))
  const started = spaces.map(async (netns, n): Promise<Node> => {
    await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
    await netns.exec('ip', 'address', 'add', `${UNDERLAYS.ipv4[n]}/24`, 'dev', 'mgmt0')
    await netns.exec('ip', 'address', 'add', `${UNDERLAYS.ipv6[n]}/64`, 'dev', 'mgmt0', 'nodad')
    const folder = createAgentFolder({
      Network: NETWORKS.ipv4,
      IPv6Network: NETWORKS.ipv6,
      EnableIPv4: families.includes('ipv4'),
      EnableIPv6: families.includes('ipv6'),
    })
    writeFileSync(path.join(folder.path, 'leases.json'), JSON.stringify(leases))
    const cni = ['--cni=bridge', `--cni-conf-dir=${folder.path}/net.d`]
    const source = [`--leases=${folder.path}/leases.json`, '--iface=mgmt0']
    const agent = startAgentProcess(t, netns, n === 0 ? 'a' : 'b', [...folder.flags, ...cni, ...source, ...flags])
    await agent.until('agent.ready')
    return { netns, folder, file: path.join(folder.path, 'net.d/10-flannel.conflist') }
  })
  return await Promise.all(started)
}

/** As libcni does: each plugin of the list in turn, with the result of the one before; backwards for DEL. */
async function callPlugins(
  { netns, folder, file }: Node,
  pod: Netns,
  command: 'ADD' | 'DEL',
): Promise<Result | undefined> {
  const { name, cniVersion, plugins } = JSON.parse(readFileSync(file, 'utf8'))
  let prevResult: Result | undefined
  for (const plugin of command === 'ADD' ? plugins : plugins.toReversed()) {
    // host-local's own folder is the host's.
    const ipam = plugin.ipam && { ...plugin.ipam, dataDir: path.join(folder.path, 'networks') }
    const config = { name, cniVersion, ...plugin, ...(ipam && { ipam }), ...(prevResult && { prevResult }) }
    const env = {
      ...process.env,
      CNI_COMMAND: command,
      CNI_CONTAINERID: pod.name,
      CNI_NETNS: pod.path,
      CNI_IFNAME: 'eth0',
      CNI_PATH: PLUGINS,
    }
    const out = await new Promise<string>((resolve, reject) => {
      const argv = ['netns', 'exec', netns.name, path.join(PLUGINS, plugin.type)]
      const child = execFile('ip', argv, { env }, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`${plugin.type} ${command}: ${stdout}${stderr}`)),
      )
      child.stdin?.end(JSON.stringify(config))
    })
    if (command === 'ADD') prevResult = JSON.parse(out)
  }
  return prevResult
}

async function addPod(t: TestContext, node: Node): Promise<Pod> {
  const netns = await createNetns(t, 'pod')
  const result = await callPlugins(node, netns, 'ADD')
  const ips = (result?.ips ?? []).map(({ address }) => address.replace(/\/.*/, ''))
  return { netns, ips, remove: async () => void (await callPlugins(node, netns, 'DEL')) }
}

const SERVE = `
require('node:net').createServer((socket) => socket.end(socket.remoteAddress.replace('::ffff:', ''))).listen(8080, '::', () => console.log())
`
const ASK = `
const socket = require('node:net').connect({ host: process.argv[1], port: 8080, timeout: 10000 })
socket.on('timeout', () => socket.destroy(new Error('no answer from ' + process.argv[1])))
socket.pipe(process.stdout)
`

/** Each pod asks each other one, over each family; the answer is whom the other one sees. */
async function reachOneAnother(t: TestContext, pods: readonly Pod[]): Promise<void> {
  for (const { netns } of pods) {
    const server = execFile('ip', ['netns', 'exec', netns.name, process.execPath, '-e', SERVE])
    t.after(() => server.kill('SIGKILL'))
    await new Promise((resolve) => server.stdout?.once('data', resolve))
  }
  for (const asking of pods)
    for (const asked of pods)
      for (const [n, ip] of asked.ips.entries()) {
        if (asking === asked) continue
        assert.equal(
          await asking.netns.exec(process.execPath, '-e', ASK, ip),
          asking.ips[n],
          `${asking.ips[n]} → ${ip}`,
        )
      }
}

for (const families of [['ipv4'], ['ipv6'], ['ipv4', 'ipv6']] as const)
  test(`pods of ${families.join(' and ')} reach one another with the bridge plugin, and leave nothing`, {
    skip,
  }, async (t) => {
    const nodes = await startNodes(t, families, ['--ip-masq'])
    const [a, b] = nodes as [Node, Node]
    const pods = [await addPod(t, a), await addPod(t, a), await addPod(t, b)]
    assert.deepEqual(
      pods.map(({ ips }) => ips.length),
      pods.map(() => families.length),
    )
    await reachOneAnother(t, pods)

    const [pod] = pods as [Pod]
    assert.match(await pod.netns.exec('ip', 'link', 'show', 'eth0'), / mtu 1[34][35]0 /)
    for (const family of families) {
      const routes = await pod.netns.exec('ip', family === 'ipv4' ? '-4' : '-6', 'route')
      assert.match(routes, /^default via /m)
      assert.ok(routes.includes(`${NETWORKS[family]} via `))
    }
    assert.match(await a.netns.exec('ip', '-d', 'link', 'show', 'master', 'cni0'), /hairpin on/)

    for (const each of pods) await each.remove()
    for (const { netns, folder } of nodes) {
      assert.equal(await netns.exec('ip', 'link', 'show', 'master', 'cni0'), '')
      const taken = readdirSync(path.join(folder.path, 'networks/cbr0'))
      assert.deepEqual(
        taken.filter((name) => !/^(?:last_reserved_ip\.\d|lock)$/.test(name)),
        [],
      )
    }
  })

test('a Node that was made anew has another podCIDR: the bridge takes it on with the next pod', { skip }, async (t) => {
  const [a] = (await startNodes(t, ['ipv4'], ['--ip-masq'])) as [Node]
  const before = await addPod(t, a)
  await before.remove()
  const leases = path.join(a.folder.path, 'leases.json')
  writeFileSync(leases, readFileSync(leases, 'utf8').replace('10.42.1.0/24', '10.42.7.0/24'))
  for (let tries = 0; !readFileSync(a.file, 'utf8').includes('10.42.7.0/24'); tries += 1) {
    assert.ok(tries < 3000, 'the conflist follows')
    await new Promise<void>((resolve) => setTimeout(resolve, 10))
  }
  const after = await addPod(t, a)
  assert.match(after.ips.join(), /^10\.42\.7\./)
  assert.match(await a.netns.exec('ip', '-4', 'address', 'show', 'cni0'), /inet 10\.42\.7\.1\/24/)
})

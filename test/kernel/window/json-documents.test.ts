/** Each command's `--json`, really asked: the document is what its schema in docs/schemas says. The lab's own test has the lab's, dry-run.test.ts that of a rehearsal. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createAgentFolder, ENTRY, startAgentProcess } from '../../support/agent-process.ts'
import { assertDocument } from '../../support/json-schema.ts'
import { createNetns, kernelTests } from '../../support/netns.ts'
import { listFiles } from '../../support/source-files.ts'

const ELSEWHERE = ['lab', 'mesh-cluster', 'run-dry-run']

/** A node that is not accepted, and one with IPv4 alone. */
const LEASES = [
  ...[1, 2].map((n) => ({
    name: `node${n}`,
    ipv4: { subnet: `10.42.${n}.0/24`, underlay: `192.168.7.${n}`, lladdr: `0e:00:00:00:00:0${n}` },
    ipv6: { subnet: `fd00:42:0:${n}::/64`, underlay: `fd00:7::${n}`, lladdr: `0e:00:00:00:06:0${n}` },
  })),
  { name: 'node3', ipv4: { subnet: '10.42.3.0/24', underlay: '192.168.7.3', lladdr: '0e:00:00:00:00:03' } },
  { name: 'node4', ipv4: { subnet: '10.42.2.0/24', underlay: '192.168.7.4', lladdr: '0e:00:00:00:00:04' } },
]

test(
  'every document is what its schema says, before an agent runs, while it does, and when it is damaged',
  kernelTests,
  async (t) => {
    const netns = await createNetns(t, 'documents')
    await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
    for (const link of ['mgmt0', 'far0', 'lo']) await netns.exec('ip', 'link', 'set', link, 'up')
    await netns.exec('ip', 'address', 'add', '192.168.7.1/24', 'dev', 'mgmt0')
    await netns.exec('ip', 'address', 'add', 'fd00:7::1/64', 'dev', 'mgmt0', 'nodad')
    const networks = { Network: '10.42.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:42::/56' }
    const folder = createAgentFolder({ ...networks, Backend: { Type: 'vxlan' } })
    const leases = path.join(folder.path, 'leases.json')
    writeFileSync(leases, JSON.stringify(LEASES))
    const flags = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--firewall=none']
    const netConf = flags.find((flag) => flag.startsWith('--net-config-path=')) ?? ''
    const runDir = `--run-dir=${folder.path}/run`
    const places = [`--state-dir=${folder.path}/state`, netConf]
    const files = [`--subnet-file=${folder.path}/subnet.env`, runDir]
    const checked = new Set<string>()
    const check = (schema: string, words: readonly string[]): Promise<void> =>
      new Promise((resolve, reject) => {
        const argv = ['netns', 'exec', netns.name, process.execPath, ENTRY, ...words, '--json']
        const env = { ...process.env, NODE_NAME: 'node1' }
        execFile('ip', argv, { env, maxBuffer: 1 << 26 }, (_, stdout, stderr) => {
          try {
            const texts = schema === 'events' ? stdout.trim().split('\n') : [stdout]
            assert.notEqual(stdout, '', `${words.join(' ')}: ${stderr}`)
            for (const text of texts) assertDocument(schema, JSON.parse(text))
            checked.add(schema)
            resolve()
          } catch (error) {
            reject(error)
          }
        })
      })
    await check('explain', ['explain', '10.42.2.7', runDir])
    await check('check', ['check', ...flags])
    await check('run-print-config', ['run', '--print-config', ...flags])
    await check('version', ['version'])
    await check('cni', ['cni', 'check', `--cni-conf-dir=${folder.path}`])
    await check('sysctls', ['sysctls', netConf, '--log-level=error'])

    const agent = startAgentProcess(t, netns, 'node1', flags)
    await agent.until('agent.ready')
    await netns.exec('ip', 'address', 'add', '10.42.2.0/32', 'dev', 'lo')
    await netns.exec('ip', 'route', 'del', '10.42.2.0/24')
    await agent.until('peers.entry-failed')
    for (const name of ['status', 'peers', 'mesh', 'diff', 'events'] as const) await check(name, [name, runDir])
    await check('explain', ['explain', 'fd00:42:0:2::7', runDir])
    await check('bugreport', ['bugreport', `--output=${folder.path}/report.tar.gz`, runDir])
    await check('log-level', ['log-level', 'warn', runDir])
    agent.kill('SIGTERM')
    await agent.ended
    await check('release', ['release', '--dry-run', ...places])
    await check('cleanup', ['cleanup', '--dry-run', ...places, ...files])
    const schemas = listFiles('docs/schemas', '.json').map((file) => path.basename(file, '.json'))
    assert.deepEqual([...checked, ...ELSEWHERE].sort(), schemas.sort())
  },
)

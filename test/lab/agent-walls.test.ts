/** What an agent of the lab is kept from: tried from inside. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type AgentWalls, behindWalls } from '../../lib/lab/agent-walls.ts'
import { createNetns, kernelTests } from '../support/netns.ts'

const run = promisify(execFile)
const NET_ADMIN = 1n << 12n
const NET_RAW = 1n << 13n

async function inside(t: TestContext, walls: Pick<AgentWalls, 'confined' | 'mayAnnounce'>, script: string) {
  const { path: netns } = await createNetns(t, 'walls')
  const folder = mkdtempSync('/run/walls-')
  t.after(() => rmSync(folder, { recursive: true }))
  const [program, ...args] = behindWalls({ netns, folder, ...walls }, ['sh', '-c', script, 'sh', folder])
  return { folder, stdout: (await run(program, args)).stdout }
}

function capabilities(status: string): Record<string, bigint> {
  return Object.fromEntries(
    [...status.matchAll(/^Cap(Inh|Prm|Eff|Bnd|Amb):\s+([0-9a-f]+)$/gm)].map(([, set, bits]) => [
      set,
      BigInt(`0x${bits}`),
    ]),
  )
}

test('a confined agent has two capabilities and can gain none', kernelTests, async (t) => {
  const { stdout } = await inside(t, { confined: true, mayAnnounce: true }, 'cat /proc/self/status')
  const both = NET_ADMIN | NET_RAW
  assert.deepEqual(capabilities(stdout), { Inh: 0n, Prm: both, Eff: both, Bnd: both, Amb: 0n })
  assert.match(stdout, /^NoNewPrivs:\s+1$/m)
})

test(
  'a confined agent writes to its folder and nowhere else; outside nothing becomes read-only',
  kernelTests,
  async (t) => {
    const places = ['/', '/tmp', '/run', '/run/netns', '/dev/shm', path.resolve(import.meta.dirname)]
    const { folder, stdout } = await inside(
      t,
      { confined: true, mayAnnounce: true },
      `for place in ${places.join(' ')}; do touch $place/walls.test 2>/dev/null && echo $place; done
     for key in ipv4/ip_forward ipv6/conf/lo/accept_ra; do
       cat /proc/sys/net/$key >/dev/null || echo unreadable
       (echo 1 >/proc/sys/net/$key) 2>/dev/null && echo $key
     done
     echo kept >"$1/file" || true`,
    )
    assert.equal(stdout, '')
    assert.equal(readFileSync(`${folder}/file`, 'utf8'), 'kept\n')
    await run('touch', [`${folder}/outside`, '/run/outside'])
    rmSync('/run/outside')
  },
)

for (const confined of [false, true]) {
  test(`${confined ? 'a confined' : 'an'} agent that may not announce lacks CAP_NET_RAW`, kernelTests, async (t) => {
    const { stdout } = await inside(t, { confined, mayAnnounce: false }, 'cat /proc/self/status')
    const { Eff = 0n, Bnd = 0n } = capabilities(stdout)
    for (const set of [Eff, Bnd]) assert.equal(set & (NET_ADMIN | NET_RAW), NET_ADMIN)
  })
}

test('without walls an agent is only in the namespace of its node', () => {
  const walls = { netns: '/run/netns/node1', folder: '/run/x', confined: false, mayAnnounce: true }
  assert.deepEqual(behindWalls(walls, ['vtepd', 'run']), ['nsenter', '--net=/run/netns/node1', '--', 'vtepd', 'run'])
})

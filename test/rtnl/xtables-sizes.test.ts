/** readXtablesSizes of the addon: how large the tables of legacy iptables are, without reading them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { AF_INET, AF_INET6 } from '../../lib/addon/abi.ts'
import { loadAddon } from '../../lib/addon/addon.ts'
import { needs } from '../firewall/iptables-host.ts'
import { createNetns } from '../support/netns.ts'

const { readXtablesSizes } = loadAddon()
const EINVAL = 22
const ENOENT = 2
const EAFNOSUPPORT = 97

for (const [program, family] of [
  ['iptables-legacy', AF_INET],
  ['ip6tables-legacy', AF_INET6],
] as const)
  test(
    `${program}: each table has its sizes, and a rule more or another place changes them`,
    needs('legacy'),
    async (t) => {
      const { path, exec } = await createNetns(t)
      const sizes = async (): Promise<string> => {
        const { kind, errno, sizes } = await readXtablesSizes(path, family, ['filter', 'nat'])
        assert.deepEqual([kind, errno, sizes.length], [0, 0, 24])
        return sizes.join()
      }
      await exec(program, '-t', 'nat', '-S')
      const seen = [await sizes()]
      for (const args of [
        ['-A', 'INPUT', '-j', 'ACCEPT'],
        ['-A', 'FORWARD', '-j', 'ACCEPT'],
        ['-D', 'INPUT', '1'],
        ['-t', 'nat', '-N', 'X'],
      ]) {
        await exec(program, ...args)
        seen.push(await sizes())
      }
      assert.equal(new Set(seen).size, seen.length)
      assert.equal(await sizes(), seen.at(-1))
    },
  )

test('what cannot be asked is an errno', needs('legacy'), async (t) => {
  const { path } = await createNetns(t)
  const errnos = []
  for (const [netns, family, tables] of [
    [path, AF_INET, ['none-such']],
    [path, AF_INET, ['']],
    [path, AF_INET, ['n'.repeat(32)]],
    [path, 1, ['nat']],
    ['/run/netns/none-such', AF_INET, ['nat']],
    [path, AF_INET, []],
  ] as const)
    errnos.push((await readXtablesSizes(netns, family, tables)).errno)
  assert.deepEqual(errnos, [ENOENT, EINVAL, EINVAL, EAFNOSUPPORT, ENOENT, 0])
})

test('a worker that ends while its questions are under way takes nothing with it', needs('legacy'), async () => {
  const script = `
    const { createRequire } = require('node:module')
    const addon = createRequire(process.cwd() + '/')(require('node:path').resolve(process.env.VTEPD_NATIVE_DIR ?? 'build/Release', 'vtepd_native.node'))
    for (let n = 0; n < 200; n += 1) addon.readXtablesSizes('', 2, ['filter', 'nat'])
    require('node:worker_threads').parentPort.postMessage('asked')`
  for (let n = 0; n < 5; n += 1) {
    const worker = new Worker(script, { eval: true })
    await new Promise((resolve) => worker.once('message', resolve))
    // 0, or undefined before Node 24: it has ended by itself meanwhile.
    assert.ok([0, 1, undefined].includes(await worker.terminate()))
  }
})

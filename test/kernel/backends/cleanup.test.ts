/** `vtepd cleanup` after a run with each back end: by net-conf, and by the state folder alone. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { ENTRY } from '../../support/agent-process.ts'
import { kernelTests } from '../../support/netns.ts'
import { createPair, type Node } from './support/pair.ts'

const BOTH = ['ipv4', 'ipv6'] as const

async function cleanUp({ netns, folder }: Node): Promise<void> {
  const places = [
    `--net-config-path=${folder}/net-conf.json`,
    `--subnet-file=${folder}/subnet.env`,
    `--state-dir=${folder}/state`,
    `--run-dir=${folder}/run`,
  ]
  await netns.exec(process.execPath, ENTRY, 'cleanup', ...places)
}

for (const Type of ['vxlan', 'host-gw'])
  for (const knowsNetConf of [true, false])
    test(
      `${Type}: nothing stays, with${knowsNetConf ? '' : 'out'} net-conf; what another agent keeps does`,
      kernelTests,
      async (t) => {
        const { a } = await createPair(t, { families: BOTH, backend: { Type }, flags: ['--ip-blackhole-route'] })
        const right = await a.overlay()
        assert.ok(right.length >= 4)
        if (!knowsNetConf) rmSync(`${a.folder}/net-conf.json`)
        await assert.rejects(cleanUp(a), /is kept|holds|runs|vtepd/, 'an agent runs')
        assert.deepEqual(await a.overlay(), right)
        a.agent.kill('SIGTERM')
        await a.agent.ended
        await cleanUp(a)
        assert.deepEqual(await a.overlay(), [])
        assert.deepEqual(existsSync(`${a.folder}/state`) ? readdirSync(`${a.folder}/state`) : [], [])
        assert.equal(existsSync(`${a.folder}/subnet.env`), false)
      },
    )

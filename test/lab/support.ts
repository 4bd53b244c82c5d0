/** The built command `vtepd lab`, run by a test, and what its report must say in every lab. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { LabReport } from '../../lib/lab/report.ts'
import { kernelTests } from '../support/netns.ts'

const ENTRY = path.resolve(import.meta.dirname, '../../dist/bin/vtepd.js')
const notBuilt =
  existsSync(ENTRY) || process.env.CI !== undefined ? false : 'dist/bin/vtepd.js is missing: npm run build'
export const builtCommand = { skip: notBuilt }
export const labTests = { skip: notBuilt === false ? kernelTests.skip : notBuilt, timeout: 120_000 }

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export function startLab(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [ENTRY, 'lab', ...args], { env: { ...process.env, ...env } })
  t.after(() => child.kill('SIGTERM'))
  return child
}

export async function runLab(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = startLab(t, args, env)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, stdout, stderr }
}

/** Each step had an end, and the agent restarted in the middle is ready again. */
export function assertAway({ scenarios, agents }: LabReport): void {
  const away = scenarios.find(({ name }) => name === 'api-server-away')
  assert.deepEqual(
    away?.steps.map(({ title, outages }) => [title, outages.every(({ pods }) => pods.ended)]),
    [
      ['the API server goes away', true],
      ['mgmt0 deleted and rebuilt', true],
      ['its agent restarted', true],
      ['the VXLAN device deleted', true],
      ['the API server is back', true],
    ],
  )
  const told = (away?.timeline ?? []).map((row) => `${row.who}: ${row.text}`)
  const back = told.findIndex((row) => /^lab: starts the API server, which lacks node\d+ and has node\d+$/.test(row))
  const device = told.findIndex((row) => row.startsWith('lab: deletes flannel'))
  assert.ok(device >= 0 && device < back, told.join('\n'))
  assert.ok(
    told.slice(device, back).some((row) => /^agent: flannel.*: wrote \d+ neighbours/.test(row)),
    'the tables come from memory while the API server is away',
  )
  assert.match(told.slice(back).join('\n'), /^lab: every node has the routes of node\d+ and none of node\d+$/m)
  for (const { node, readyAfterMs } of agents) assert.ok(readyAfterMs !== undefined, `${node} is ready`)
}

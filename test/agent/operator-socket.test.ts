/** Long answers of the operator's socket: the agent's event loop turns meanwhile, and nobody waits for a reader that has gone. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FamilyOverlay } from '../../lib/agent/family-overlay.ts'
import { openOperatorSocket } from '../../lib/agent/window/operator-socket.ts'
import { parsePeerQuestion, peerRows } from '../../lib/agent/window/peer-rows.ts'
import { askAgent } from '../../lib/cli/window/ask.ts'
import type { Lease } from '../../lib/cluster/lease.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { parseVni } from '../../lib/net/vni.ts'
import { createKeptLog } from './support/log-lines.ts'

const ROWS = 20_000

async function socketOf(t: TestContext, rows: () => Iterable<object | undefined>): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-socket-'))
  const file = path.join(folder, 'one.sock')
  const opened = await openOperatorSocket({
    path: file,
    answers: { rows },
    changes: {},
    streams: {},
    log: createKeptLog(),
  })
  t.after(async () => {
    await opened?.close()
    rmSync(folder, { recursive: true })
  })
  return file
}

test('rows arrive as one list, and the event loop turns between them', async (t) => {
  const turns = new Set<number>()
  let turn = 0
  const count = (): void => {
    turn += 1
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  t.after(() => clearImmediate(counting))
  const file = await socketOf(t, function* () {
    for (let n = 0; n < ROWS; n += 1) {
      turns.add(turn)
      yield n % 2 === 0 ? { n, text: 'x'.repeat(20) } : undefined
    }
  })
  const got = await askAgent<readonly { n: number }[]>(file, 'rows')
  assert.deepEqual(
    got.map(({ n }) => n),
    Array.from({ length: ROWS / 2 }, (_, i) => 2 * i),
  )
  assert.ok(turns.size > 3, `${turns.size} slices`)
  assert.deepEqual(await askAgent(await socketOf(t, () => [].values()), 'rows'), [])
})

test('a reader that goes away in the midst of a long answer ends it', async (t) => {
  let over: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    over = resolve
  })
  const file = await socketOf(t, function* () {
    try {
      for (;;) yield { text: 'x'.repeat(1000) }
    } finally {
      over()
    }
  })
  const reader = net.connect(file)
  reader.write('GET /v1/rows HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(reader, 'data')
  reader.destroy()
  await ended
})

test('an answer that fails half-way is cut off, not finished', async (t) => {
  const file = await socketOf(t, function* () {
    yield { n: 1 }
    throw new Error('half-way')
  })
  await assert.rejects(askAgent(file, 'rows'))
})

const lease = (n: number): Lease => {
  const claim = { vni: parseVni(1), underlay: parseIp(`192.168.7.${n}`), lladdr: parseLladdr(`0e:00:00:00:00:0${n}`) }
  return {
    node: `node${n}`,
    uid: `uid-${n}`,
    seniority: '',
    ipv4: { ...claim, subnet: parseCidr(`10.42.${n}.0/24`) },
    ipv6: { ...claim, underlay: parseIp(`fd00:7::${n}`), subnet: parseCidr(`fd00:42:0:${n}::/64`) },
  }
}

const VIEW = { peers: new Map([3, 2].map((n) => [`node${n}`, lease(n)])) } as unknown as LeaseView
const OVERLAYS = (['ipv6', 'ipv4'] as const).map(
  (family) => ({ family, programmed: true, stands: (node: string) => node !== 'node3' }) as FamilyOverlay,
)

function rowsFor(query: string): readonly string[] {
  const question = parsePeerQuestion(new URLSearchParams(query))
  return [...peerRows(VIEW, OVERLAYS, question)].flatMap((row) =>
    row === undefined ? [] : [`${row.node} ${row.subnet} ${row.stands}`],
  )
}

test('peers are asked for by name, by the address of a pod or of the node itself, or all', () => {
  const [two, three] = [2, 3].map((n) => [`10.42.${n}.0/24`, `fd00:42:0:${n}::/64`])
  const rows = (node: string, subnets: readonly string[] = [], stands = true): string[] =>
    subnets.map((subnet) => `${node} ${subnet} ${stands}`)
  assert.deepEqual(rowsFor(''), [...rows('node3', three, false), ...rows('node2', two)])
  assert.deepEqual(rowsFor('name=node2'), rows('node2', two))
  assert.deepEqual(rowsFor('name=node9'), [])
  assert.deepEqual(rowsFor('address=10.42.3.77'), rows('node3', three?.slice(0, 1), false))
  assert.deepEqual(rowsFor('address=fd00:42:0:2::17'), rows('node2', two?.slice(1)))
  assert.deepEqual(rowsFor('address=192.168.7.2'), rows('node2', two?.slice(0, 1)))
  assert.deepEqual(rowsFor('address=10.43.0.1'), [])
  assert.throws(() => rowsFor('address=banana'), RangeError)
})

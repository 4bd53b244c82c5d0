/** Each program of docs/examples/rtnl, run as a user runs it, says what it promises. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { readSource, root } from '../support/source-files.ts'

const FOLDER = 'docs/examples/rtnl'

interface Example {
  readonly words?: readonly string[]
  readonly prints: RegExp
  /** Where it prints this, the kernel lacks what it is about. */
  readonly lacks?: string
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  'follow-links.ts': {
    prints: /^set followed0 up 1500\nset followed0 up 1400\n(set followed0 .*\n)*deleted followed0 /,
  },
  'list-links.ts': { prints: /^1 lo {2}65536$/m },
  'list-qdiscs.ts': { prints: /^1 noqueue root$/m },
  'live-routes.ts': { prints: /^blackhole\nset 198\.51\.100\.0\/24\ndeleted 198\.51\.100\.0\/24\n$/ },
  'many-routes.ts': { words: ['3000'], prints: /^3000 routes in [\d.]+ s\n3000 routes dumped\n$/ },
  'neighbour-exporter.ts': {
    prints:
      /^# TYPE neighbour_entries gauge\n(neighbour_entries\{device="lo",family="ipv[46]",state="noarp"\} \d+\n)*\n$/m,
  },
  'policy-routing.ts': {
    prints:
      /^unmarked: via 203\.0\.113\.254, table 254\nmarked: via 192\.0\.2\.254, table 100\nfrom 192\.0\.2\.1: .* 100\n$/,
  },
  'vxlan-fabric.ts': { prints: /^fabric-b heard "hello" from fabric-a\n$/ },
  'wireguard.ts': {
    prints: /^port 51820\n10\.99\.0\.7\/32 by 192\.0\.2\.7\n$/,
    lacks: 'this kernel has no WireGuard\n',
  },
}

test('every example is run here', () => {
  assert.deepEqual(readdirSync(path.join(root, FOLDER)).sort(), Object.keys(EXAMPLES))
})

for (const [file, { words = [], prints, lacks }] of Object.entries(EXAMPLES))
  test(`${file} does what it promises, and leaves nothing behind`, kernelTests, async (t) => {
    const netns = await createNetns(t)
    const before = await netns.exec('ip', '-json', 'link')
    const said = await netns.exec(process.execPath, '--import', 'tsx', path.join(root, FOLDER, file), ...words)
    if (said === lacks) return t.skip(said.trim())
    assert.match(said, prints)
    assert.equal(await netns.exec('ip', '-json', 'link'), before)
  })

test('the neighbour exporter answers on the port it is given', kernelTests, async (t) => {
  const netns = await createNetns(t)
  await netns.exec('ip', 'link', 'add', 'exported0', 'type', 'bridge')
  await netns.exec('ip', 'neigh', 'add', '192.0.2.7', 'lladdr', '02:00:00:00:00:07', 'dev', 'exported0')
  await serving(t, netns, '9150')
  const read = "fetch('http://127.0.0.1:9150/metrics').then((r) => r.text()).then((text) => console.log(text))"
  const text = await netns.exec(process.execPath, '-e', read)
  assert.match(text, /^neighbour_entries\{device="exported0",family="ipv4",state="permanent"\} 1$/m)
})

test('the programs in docs/rtnl.md are examples, word for word', () => {
  const examples = Object.keys(EXAMPLES).map((file) => withoutComment(readSource(`${FOLDER}/${file}`).text))
  const blocks = [...readSource('docs/rtnl.md').text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text = '']) => text)
  assert.ok(blocks.length > 0)
  for (const block of blocks) assert.ok(examples.includes(block), block)
})

/** Resolves when the exporter has said where it is; it ends with the test. */
async function serving(t: { after(finish: () => unknown): void }, { name }: Netns, port: string): Promise<void> {
  const program = path.join(root, FOLDER, 'neighbour-exporter.ts')
  const inside = ['netns', 'exec', name, process.execPath, '--import', 'tsx', program, port]
  const child = spawn('ip', inside, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  t.after(() => {
    child.kill()
    return ended
  })
  const [first] = await Promise.race([once(child.stdout, 'data'), ended.then(() => ['it ended'])])
  assert.equal(String(first), `http://127.0.0.1:${port}/metrics\n`)
}

function withoutComment(text: string): string {
  return text.replace(/^(?:\/\/.*\n)+/, '')
}

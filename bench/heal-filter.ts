/**
 * How long a flushed packet filter stays flushed, with a real agent that keeps the rules of both families: from the kernel's word
 * that ours are gone to its word that they are back, both as `nft monitor` hears them. Tables of iptables-legacy are announced by
 * nobody: there from the start of the program that flushes to the agent's word that its rules are read as they should be.
 *
 *   npm run bench -- heal-filter [--rounds 15] [--foreign 0] [--json]
 *
 * Needs the Debian packages nftables and iptables.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { FlagSpec } from '../lib/cli/flag-spec.ts'
import { monotonicMs } from '../lib/host/clock.ts'
import { createScope } from '../test/chaos/scope.ts'
import { createAgentFolder, startAgentProcess } from '../test/support/agent-process.ts'
import { createNetns, type Netns, type Scope } from '../test/support/netns.ts'
import { countOf, readArguments } from './frame/arguments.ts'
import type { Sample } from './frame/sample.ts'
import { median } from './frame/statistics.ts'
import { renderJsonLine, renderTable } from './frame/table.ts'

const FLAGS = [
  { name: 'rounds', kind: 'int', default: 15, group: 'What is measured', help: 'of each case, 1 to 500' },
  {
    name: 'foreign',
    kind: 'int',
    default: 0,
    group: 'What is measured',
    help: 'rules of others beside ours, in the same tool',
  },
  { name: 'json', kind: 'bool', default: false, group: 'What becomes of it', help: 'one sample a line' },
] as const satisfies readonly FlagSpec[]

const ABOUT = { name: 'npm run bench -- heal-filter', summary: 'How long flushed packet filter rules are away.' }

const { rounds, foreign, json } = readArguments(FLAGS, ABOUT, (values) => ({
  rounds: countOf('rounds', values.rounds, 500),
  foreign: values.foreign === 0 ? 0 : countOf('foreign', values.foreign, 200_000),
  json: values.json,
}))

/** What is damaged in the same way within two seconds counts as a quarrel, and is repaired more slowly on purpose. */
const FORGOTTEN_MS = 2200

interface Case {
  readonly name: string
  /** Before the agent starts. */
  readonly setUp: string
  readonly flags: readonly string[]
  readonly flush: string
  /** What the kernel says of our table when it is flushed, and when it is as before; undefined: nothing. */
  readonly heard: { readonly gone: RegExp; readonly back: RegExp } | undefined
}

/** kube-proxy's chain tells which variant this host uses. */
const variantCase = (variant: 'nft' | 'legacy'): Case => ({
  name: `iptables-${variant} -t nat -F POSTROUTING`,
  setUp: `for t in ip ip6; do $\{t}tables-${variant} -t nat -N KUBE-POSTROUTING; done; (echo '*filter'; echo ':OTHERS - [0:0]'; seq ${foreign} | sed 's/.*/-A OTHERS -p udp --dport &/; s/dport \\([0-9]\\{5,\\}\\)/sport 1 -m comment --comment n\\1/'; echo COMMIT) | iptables-${variant}-restore --noflush`,
  flags: ['--firewall=iptables'],
  flush: `iptables-${variant} -t nat -F POSTROUTING`,
  heard:
    variant === 'nft'
      ? { gone: /^delete rule ip nat POSTROUTING/, back: /^add rule ip nat POSTROUTING .*FLANNEL-POSTRTG/ }
      : undefined,
})

const CASES: readonly Case[] = [
  {
    name: 'nft flush ruleset',
    setUp: 'true',
    flags: ['--firewall=nftables'],
    flush: 'nft flush ruleset',
    heard: { gone: /^delete table ip flannel-ipv4/, back: /^add rule ip flannel-ipv4 forward ip daddr/ },
  },
  variantCase('nft'),
  variantCase('legacy'),
]

const samples: Sample[] = []
for (const one of CASES) {
  const scope = createScope()
  try {
    process.stderr.write(`heal-filter: ${one.name} …\n`)
    report(one.name, await measure(scope, one))
  } finally {
    await scope.end()
  }
}
if (!json) process.stdout.write(`${renderTable(samples)}\n`)

async function measure(scope: Scope, { setUp, flags, flush, heard }: Case): Promise<readonly number[]> {
  const netns = await createNetns(scope, 'filter')
  const agent = await start(scope, netns, setUp, flags)
  const monitor = heard && listen(scope, netns)
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await delay(FORGOTTEN_MS)
    const from = agent.lines.length
    const began = monotonicMs()
    await netns.exec('sh', '-ec', flush)
    const { monotonicMs: ended } = await agent.until('filter.written', ({ family }) => family === 'ipv4', from)
    if (heard === undefined || monitor === undefined) times.push(ended - began)
    else times.push((await monitor(heard.back, began)) - (await monitor(heard.gone, began)))
  }
  return times
}

/** Resolves with when the first line after `since` came that matches; milliseconds of the monotonic clock. */
function listen(scope: Scope, netns: Netns): (wanted: RegExp, since: number) => Promise<number> {
  const lines: { readonly text: string; readonly atMs: number }[] = []
  const child = spawn('ip', ['netns', 'exec', netns.name, 'nft', 'monitor'], { stdio: ['ignore', 'pipe', 'ignore'] })
  scope.after(() => child.kill())
  createInterface({ input: child.stdout }).on('line', (text) => lines.push({ text, atMs: monotonicMs() }))
  return async (wanted, since) => {
    for (let looks = 0; looks < 100; looks += 1) {
      const found = lines.find(({ text, atMs }) => atMs >= since && wanted.test(text))
      if (found !== undefined) return found.atMs
      await delay(20)
    }
    throw new Error(`nft monitor did not tell ${wanted.source}`)
  }
}

async function start(scope: Scope, netns: Netns, setUp: string, flags: readonly string[]) {
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'bridge')
  await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
  await netns.exec('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'mgmt0')
  await netns.exec('ip', 'address', 'add', 'fd00:1::1/64', 'dev', 'mgmt0', 'nodad')
  await netns.exec('sh', '-ec', setUp)
  const networks = { Network: '10.42.0.0/16', IPv6Network: 'fd00:42::/48', EnableIPv6: true }
  const folder = createAgentFolder({ ...networks, Backend: { Type: 'vxlan' } })
  const leases = path.join(folder.path, 'leases.json')
  const us = { name: 'us', ipv4: { subnet: '10.42.1.0/24' }, ipv6: { subnet: 'fd00:42:0:1::/64' } }
  writeFileSync(leases, JSON.stringify([us]))
  const words = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--ip-masq', ...flags]
  const agent = startAgentProcess(scope, netns, 'us', words)
  await agent.until('agent.ready')
  return agent
}

function report(name: string, times: readonly number[]): void {
  const sample: Sample = {
    suite: 'heal-filter',
    case: name,
    family: 'ipv4',
    size: foreign,
    contender: 'vtepd',
    medianMs: median(times),
    ratioToLimit: null,
    samples: times,
    measures: { worstMs: Math.max(...times) },
  }
  samples.push(sample)
  if (json) process.stdout.write(`${renderJsonLine(sample)}\n`)
}

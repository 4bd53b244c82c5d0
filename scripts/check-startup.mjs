// Prints what starting and staying costs: `vtepd --help` against `node -e 0`, median of nine interleaved runs, and the
// memory of `vtepd run --leases` with 100 peers once they are programmed and it rests (in private namespaces). Times are for a
// reader, they depend on the machine; memory does not, so too much of it fails.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as settle } from 'node:timers/promises'
import { inNamespaces } from './namespaces.mjs'

const root = path.resolve(import.meta.dirname, '..')
const command = ['--max-semi-space-size=1', path.join(root, 'dist/bin/vtepd.js')]
const rounds = 9
const peers = 100
// An agent gives back what its start has used ten seconds after it became ready (lib/cli/rest.ts).
const restMilliseconds = 15_000
// Megabytes, with room for what differs between versions of Node (docs/benchmarks.md has what is usual).
const most = { resident: 60, anonymous: 24 }

if (process.argv[2] === '--inside') await agentMemory()
else {
  startTimes()
  const inside = inNamespaces([process.execPath, import.meta.filename, '--inside'])
  if (inside === undefined) process.stdout.write('vtepd run: not measured, private namespaces are refused here\n')
  else process.exitCode = spawnSync(inside[0], inside.slice(1), { stdio: 'inherit' }).status ?? 1
}

function startTimes() {
  const subjects = { 'node -e 0': ['-e', '0'], 'vtepd --help': [...command, '--help'] }
  const times = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]))
  for (let round = 0; round < rounds; round += 1)
    for (const [name, words] of Object.entries(subjects)) times[name].push(milliseconds(words))
  for (const [name, words] of Object.entries(subjects))
    process.stdout.write(`${name.padEnd(14)} ${median(times[name]).toFixed(0)} ms, peak ${peakMegabytes(words)} MB\n`)
  const [base, help] = Object.values(times).map(median)
  process.stdout.write(`difference     ${(help - base).toFixed(0)} ms (aim: at most 100)\n`)
}

function milliseconds(words) {
  const began = process.hrtime.bigint()
  start(words, 'ignore')
  return Number(process.hrtime.bigint() - began) / 1e6
}

function peakMegabytes(words) {
  const atExit = "process.on('exit', () => process.stderr.write('maxRSS ' + process.resourceUsage().maxRSS))"
  const reporter = ['--import', `data:text/javascript,${encodeURIComponent(atExit)}`]
  const { stderr } = start([...reporter, ...words], ['ignore', 'ignore', 'pipe'])
  return toMegabytes(/maxRSS (\d+)/.exec(stderr)?.[1])
}

// 1 MB is 1,000,000 bytes; Linux counts in KiB.
function toMegabytes(kibibytes) {
  return Math.round(Number(kibibytes) * 1.024e-3)
}

function start(words, stdio) {
  const result = spawnSync(process.execPath, words, { stdio, encoding: 'utf8' })
  if (result.status !== 0)
    throw new Error(`node ${words.join(' ')} ended with ${result.status}: ${result.stderr ?? ''}`)
  return result
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}

async function agentMemory() {
  for (const words of [
    'link add u0 type veth peer name u1',
    'address add 192.0.2.1/24 dev u0',
    'link set u1 up',
    'link set u0 up',
  ])
    execFileSync('ip', words.split(' '))
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-startup-'))
  const file = (name) => path.join(folder, name)
  const hex = (n) => n.toString(16).padStart(2, '0')
  const nodes = Array.from({ length: peers + 1 }, (_, i) => ({
    name: `n${i}`,
    ipv4: { subnet: `10.42.${i}.0/24`, underlay: `192.0.2.${i + 1}`, lladdr: `02:00:00:00:00:${hex(i)}` },
  }))
  writeFileSync(file('leases.json'), JSON.stringify(nodes))
  writeFileSync(file('net-conf.json'), JSON.stringify({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } }))
  const flags = ['--leases', file('leases.json'), '--net-config-path', file('net-conf.json'), '--iface', 'u0']
  const places = ['--subnet-file', file('subnet.env'), '--state-dir', file('state')]
  const agent = spawn(process.execPath, [...command, 'run', ...flags, ...places, '--log-format', 'json'], {
    env: { ...process.env, NODE_NAME: 'n0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines = []
  const late = setTimeout(() => agent.kill('SIGKILL'), 60_000)
  try {
    for await (const line of createInterface({ input: agent.stderr })) {
      lines.push(line)
      if (!line.includes('"agent.ready"')) continue
      await settle(restMilliseconds)
      const routes = execFileSync('ip', ['route', 'show', 'dev', 'flannel.1'], { encoding: 'utf8' })
        .trim()
        .split('\n').length
      const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8')
      const megabytes = (key) => toMegabytes(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1])
      const [resident, anonymous] = [megabytes('VmRSS'), megabytes('RssAnon')]
      process.stdout.write(
        `vtepd run      ${resident} MB at rest, ${anonymous} of it anonymous, peak ${megabytes('VmHWM')} MB, with ${routes} routes (at most: ${most.resident}, ${most.anonymous})\n`,
      )
      if (resident > most.resident || anonymous > most.anonymous) process.exitCode = 1
      return
    }
    throw new Error(`the agent did not get ready:\n${lines.join('\n')}`)
  } finally {
    clearTimeout(late)
    agent.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

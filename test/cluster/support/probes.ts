/** Questions from one network namespace to addresses, and streams of them. Must not: know what should be reachable. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { run } from './shell.ts'

/** Where questions come from: the words that run a program there. */
export type From = (...words: readonly string[]) => readonly [string, ...string[]]
export type Protocol = 'udp' | 'tcp'

export interface Target {
  readonly address: string
  readonly port: number
}

export interface Answer extends Target {
  /** Host name of who answered, and whose address it saw; undefined with `because`. */
  readonly by?: string
  readonly seen?: string
  readonly because?: string
}

export function inPod(pod: { readonly pid: number }): From {
  return (...words) => ['nsenter', `--target=${pod.pid}`, '--net', '--', ...words]
}

/** A network namespace with a name. */
export function inNetns(name: string): From {
  return (...words) => ['nsenter', `--net=/run/netns/${name}`, '--', ...words]
}

/** All at the same time; in the order of `targets`, where one may stand more than once. */
export async function ask(
  program: string,
  from: From,
  protocol: Protocol,
  targets: readonly Target[],
  milliseconds = 3000,
): Promise<Answer[]> {
  const words = targets.flatMap(({ address, port }) => [address, String(port)])
  const [first, ...rest] = from(program, 'ask', String(milliseconds), protocol, ...words)
  const lines = (await run(first, ...rest)).split('\n')
  return targets.map((target) => {
    const start = `${target.address} ${target.port} `
    const at = lines.findIndex((one) => one.startsWith(start))
    const line = at < 0 ? undefined : lines.splice(at, 1)[0]?.slice(start.length)
    if (line === undefined || line.startsWith('- ')) return { ...target, because: line?.slice(2) ?? 'no answer' }
    const [by = '', seen = ''] = line.split(' ')
    return { ...target, by, seen }
  })
}

/** Datagrams that arrived there, and found no room in the socket of a program that the machine kept waiting. */
export async function datagramsWithoutRoom(there: From): Promise<number> {
  const [first, ...rest] = there('cat', '/proc/net/snmp', '/proc/net/snmp6')
  const lines = (await run(first, ...rest)).split('\n')
  const [names = [], values = []] = lines.filter((line) => line.startsWith('Udp:')).map((line) => line.split(' '))
  const ipv6 = lines.find((line) => line.startsWith('Udp6RcvbufErrors'))?.split(/\s+/)[1]
  return Number(values[names.indexOf('RcvbufErrors')]) + Number(ipv6)
}

export interface Tally {
  readonly sent: number
  readonly received: number
  readonly longestGapMs: number
  /** When the answer came that ended it, by CLOCK_MONOTONIC, as the log of vtepd tells time. */
  readonly afterGapMs: number
  /** Of TCP: sent again, and not because an answer was only late. */
  readonly lost: number
  /** Empty unless the connection broke. */
  readonly error: string
}

export interface Stream {
  /** What came of it; the same again when it has been stopped before. */
  stop(): Promise<Tally>
}

/** A question every `everyMs` over one socket to port 7 of a pod. */
export function startStream(program: string, from: From, protocol: Protocol, address: string, everyMs: number): Stream {
  const [first, ...rest] = from(program, 'stream', String(everyMs), protocol, address, '7')
  const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (part: Buffer) => {
    text += part.toString()
  })
  const closed = once(child, 'close')
  return {
    async stop() {
      child.kill('SIGTERM')
      await closed
      return JSON.parse(text) as Tally
    },
  }
}

/**
 * Somebody in a network namespace who answers datagrams and, asked to, sends some to another one of its kind: whether pods reach each
 * other. Must not: judge; who is silent is told.
 */
import { arrived, isSaid, livesOn } from './cut-off.ts'
import { startLined } from './lined-process.ts'
import type { Netns, Scope } from './netns.ts'
import { patience } from './patience.ts'

export interface Talker {
  readonly ip: string
  readonly netns: Netns
  /**
   * Whether an answer came: asked again and again, until one does or `withinMs` have passed. That none does has to be said by one of
   * the two nodes' agents where they run, which is waited for: rejects where neither says it.
   */
  reaches(other: Talker, withinMs?: number): Promise<boolean>
}

/** A bound, not a measure. */
const LATE_MS = patience(10_000)
/** Of each further question while a cut lasts. */
const AGAIN_MS = patience(300)

const SCRIPT = `
const { createSocket } = require('node:dgram')
const [ip] = process.argv.slice(1)
const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4')
const waiting = new Map()
socket.on('message', (message, { port, address }) => {
  const [kind, id] = message.toString().split(' ')
  if (kind === 'ask') return socket.send('answer ' + id, port, address, () => {})
  const done = waiting.get(id)
  if (done) done(true)
})
const ask = (id, to, withinMs) => {
  const timer = setInterval(() => socket.send('ask ' + id, 7178, to, () => {}), 20)
  const late = setTimeout(() => done(false), withinMs)
  const done = (answered) => {
    clearInterval(timer)
    clearTimeout(late)
    waiting.delete(id)
    console.log('told ' + id + ' ' + answered)
  }
  waiting.set(id, done)
}
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [id, to, withinMs] = line.split(' ')
  ask(id, to, Number(withinMs))
})
socket.bind(7178, ip, () => console.log('ready'))`

/** `ip` is an address of the namespace already, `node` the namespace of the node that it lives on. */
export async function startTalker(t: Scope, netns: Netns, ip: string, node: Netns): Promise<Talker> {
  livesOn(netns, node)
  const lined = startLined(t, netns, [process.execPath, '-e', SCRIPT, ip])
  await lined.line('ready')
  let count = 0
  const ask = async (to: string, withinMs: number): Promise<boolean> => {
    count += 1
    const id = String(count)
    lined.child.stdin?.write(`${id} ${to} ${withinMs}\n`)
    return (await lined.line(`told ${id} `)).endsWith('true')
  }
  return {
    ip,
    netns,
    async reaches(other, withinMs = LATE_MS) {
      if (await ask(other.ip, withinMs)) {
        arrived(netns, other.netns)
        return true
      }
      await isSaid(netns, other.netns, async () => !(await ask(other.ip, AGAIN_MS)))
      return false
    },
  }
}

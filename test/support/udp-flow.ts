/**
 * Numbered datagrams between two namespaces, one every two milliseconds, each of which is sent back: what a ping of that pace shows of
 * a path that is changed meanwhile. Must not: judge; it counts.
 */
import { wasSaid } from './cut-off.ts'
import { startLined } from './lined-process.ts'
import type { Netns, Scope } from './netns.ts'
import { patience } from './patience.ts'

export interface UdpFlow {
  /** Sends no more, waits for what is under way, and resolves with what came of it. */
  finish(): Promise<{ readonly sent: number; readonly lost: number }>
}

/** The longest that a datagram may be under way; a bound, not a measure. */
const LATE_MS = patience(2000)

const ECHO = `
const { createSocket } = require('node:dgram')
const socket = createSocket(process.argv[1].includes(':') ? 'udp6' : 'udp4')
socket.on('message', (message, { port, address }) => socket.send(message, port, address))
socket.bind(7777, process.argv[1], () => console.log('ready'))`

const SEND = `
const { createSocket } = require('node:dgram')
const [from, to] = process.argv.slice(1)
const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4')
let sent = 0
let first
const back = new Set()
const sentAt = []
const now = () => Number(process.hrtime.bigint()) / 1e6
socket.on('message', (message) => {
  if (first === undefined) {
    first = sent
    console.log('flows')
  }
  back.add(message.readUInt32BE())
})
const lost = () => {
  let missing = 0
  for (let number = first; number < sent; number += 1) if (!back.has(number)) missing += 1
  return missing
}
socket.bind(0, from, () => {
  const timer = setInterval(() => {
    // A queue that becomes full meanwhile would lose some of what is counted.
    if (first === undefined && sent > 0 && now() - sentAt[sent - 1] < 20) return
    const message = Buffer.alloc(4)
    message.writeUInt32BE(sent++)
    sentAt.push(now())
    socket.send(message, 7777, to, () => {})
  }, 2)
  process.stdin.once('data', () => {
    clearInterval(timer)
    const end = Date.now() + ${LATE_MS}
    const look = () => {
      if (lost() > 0 && Date.now() < end) return setTimeout(look, 5)
      let longest = [0, 0]
      for (let from = 0; from < sent; from += 1) {
        let to = from
        while (to < sent && !back.has(to)) to += 1
        if (to > from && sentAt[to - 1] - sentAt[from] > longest[1] - longest[0]) longest = [sentAt[from], sentAt[to - 1]]
        from = to
      }
      console.log(JSON.stringify({ sent: sent - first, lost: lost(), longest }))
      process.exit(0)
    }
    look()
  })
})`

/**
 * Resolves when the first answer is back, and counts from there: what was sent before may have found an IPv6 link that was up for
 * less than a second, whose kernel does not answer neighbour solicitations yet. A gap that an agent has to name may be before it, too.
 * Both ends have their addresses already.
 */
export async function startUdpFlow(
  t: Scope,
  ends: { readonly from: Netns; readonly source: string; readonly to: Netns; readonly target: string },
): Promise<UdpFlow> {
  const echo = run(t, ends.to, ECHO, [ends.target])
  await echo.line('ready')
  const sender = run(t, ends.from, SEND, [ends.source, ends.target])
  await sender.line('flows')
  return {
    async finish() {
      sender.child.stdin?.write('end\n')
      const { longest, ...counted } = JSON.parse(await sender.line('{'))
      await echo.end()
      wasSaid(ends.from, ends.to, { fromMs: longest[0], toMs: longest[1] })
      return counted
    },
  }
}

function run(t: Scope, netns: Netns, script: string, words: readonly string[]) {
  return startLined(t, netns, [process.execPath, '-e', script, ...words])
}

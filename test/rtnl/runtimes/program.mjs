// One task with @vtepd/rtnl, by name, in whatever runtime runs this; prints `done` where all went well. It lies in a project that has the
// package, and wants CAP_NET_ADMIN over an empty network namespace.
import { readdirSync } from 'node:fs'
import { isMainThread, Worker } from 'node:worker_threads'
import { createEntryWriter, NUD_PERMANENT, openRtnl, parseIp, parseLladdr } from '@vtepd/rtnl'

const TASKS = {
  async 'open and dump'() {
    const rtnl = openRtnl()
    const { value } = await rtnl.dumpLinks()
    await rtnl.close()
    expect(
      value.some(({ ifname }) => ifname === 'lo'),
      'lo is not among the links',
    )
  },
  async 'apply a batch'() {
    const rtnl = openRtnl()
    const ifindex = await createBridge(rtnl)
    const writer = createEntryWriter()
    for (let i = 1; i <= 200; i += 1)
      writer.push('replace', {
        kind: 'neighbour',
        ifindex,
        ip: parseIp(`10.0.0.${i}`),
        lladdr: parseLladdr('02:00:00:00:00:01'),
        state: NUD_PERMANENT,
        flags: 0,
        protocol: 0,
      })
    const { failures } = await rtnl.applyEntries(writer.finish())
    const { value } = await rtnl.dumpNeighbours('ipv4', ifindex)
    await rtnl.close()
    expect(failures.length === 0 && value.length === 200, `${failures.length} failed, ${value.length} are there`)
  },
  async 'hear a monitor'() {
    const rtnl = openRtnl()
    const heard = new Promise((resolve) => {
      rtnl.monitor({
        groups: ['link'],
        families: ['ipv4'],
        onNotifications(events) {
          if (events.some((event) => event.type === 'link' && event.link.ifname === 'br-program')) resolve()
        },
      })
    })
    await createBridge(rtnl)
    await heard
    // It closes the monitor, without which the process would not end.
    await rtnl.close()
  },
  async 'close every descriptor'() {
    const before = readdirSync('/proc/self/fd').length
    for (let i = 0; i < 100; i += 1) {
      const rtnl = openRtnl()
      await rtnl.dumpLinks()
      await rtnl.close()
    }
    const after = readdirSync('/proc/self/fd').length
    expect(after < before + 20, `${before} descriptors became ${after}`)
  },
  async 'say what is refused'() {
    const rtnl = openRtnl()
    await rtnl.deleteLink(4242).then(
      () => expect(false, 'nothing was refused'),
      ({ name, errnoName }) => expect(errnoName === 'ENODEV', `${name} ${errnoName}`),
    )
    await rtnl.close()
  },
  async 'work in a worker thread'() {
    const main = openRtnl()
    await Promise.all([1, 2, 3].map(runWorker))
    expect((await main.dumpLinks()).value.length > 0, 'the main thread sees no link')
    await main.close()
  },
}

async function createBridge(rtnl) {
  await rtnl.createBridge({ ifname: 'br-program' })
  const { value } = await rtnl.dumpLinks()
  return value.find(({ ifname }) => ifname === 'br-program').ifindex
}

function runWorker() {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url))
    let answer
    worker.on('message', (message) => {
      answer = message
    })
    worker.on('error', reject)
    worker.on('exit', () => (answer > 0 ? resolve() : reject(new Error(`the worker said ${answer}`))))
  })
}

function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise)
}

if (isMainThread) {
  await TASKS[process.argv[2]]()
  console.log('done')
} else {
  const { parentPort } = await import('node:worker_threads')
  const rtnl = openRtnl()
  parentPort.postMessage((await rtnl.dumpLinks()).value.length)
  await rtnl.close()
}

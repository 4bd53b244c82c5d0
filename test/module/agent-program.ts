/** A program that runs an agent, told by its lines: `own {…}` when it publishes, then its events; a line of standard input is a node. */
import { createInterface } from 'node:readline'
import { createAgent, type NodeLease } from '../../lib/index.ts'
import { MemoryLeases } from './memory-leases.ts'

const [nodeName = '', subnet = '', folder = ''] = process.argv.slice(2)
const say = (word: string, value: unknown): void => void process.stdout.write(`${word} ${JSON.stringify(value)}\n`)
const state = (): unknown => [
  process.title,
  Object.entries(process.env).length,
  process.eventNames().map((name) => [name, process.listenerCount(name)]),
]

class ToldLeases extends MemoryLeases {
  override async publish(own: NodeLease): Promise<void> {
    await super.publish(own)
    say('own', own)
  }
}

process.stdout.on('error', () => undefined)
const leases = new ToldLeases([{ name: nodeName, ipv4: { subnet } }])
const before = JSON.stringify(state())
const agent = createAgent(
  {
    iface: 'under0',
    firewall: 'none',
    'mesh-rate': 0,
    'subnet-file': `${folder}/subnet.env`,
    'state-dir': `${folder}/state`,
    'run-dir': `${folder}/run`,
  },
  { nodeName, netConf: { Network: '10.42.0.0/16' }, leases },
)
agent.on('log', () => {
  throw new Error('a listener of no manners')
})
agent.on('ready', ({ ready }) => say('ready', ready))
agent.on('healed', ({ cause }) => say('healed', cause))
await agent.start()
say('untouched', JSON.stringify(state()) === before)
say(
  'second',
  await createAgent(
    { 'state-dir': folder, 'run-dir': folder, 'subnet-file': `${folder}/s` },
    {
      nodeName,
      netConf: { Network: '10.42.0.0/16' },
      leases: new MemoryLeases([]),
    },
  )
    .start()
    .catch((error: Error) => error.name),
)
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'stop') break
  if (line === 'status') say('status', agent.status())
  else leases.put(JSON.parse(line) as NodeLease)
}
await agent.stop()
process.stdin.destroy()
say('stopped', agent.ready)

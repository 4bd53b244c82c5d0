/**
 * What chaos does to one node: every damage of the healing tests, and the life of its management interface, agent, leases
 * and monitor. What comes next is drawn from the random numbers alone, never from what the kernel or the agent did, so the
 * same seed gives the same history. Must not: judge, or wait for the agent.
 */

import { type Family, UNDERLAY_LENGTH } from '../kernel/healing/support/cluster.ts'
import { DEVICE_DAMAGES } from '../kernel/healing/support/device-damages.ts'
import type { Host } from '../kernel/healing/support/host.ts'
import type { Random } from '../kernel/healing/support/random.ts'
import { underlayPrefix } from '../kernel/healing/support/surroundings.ts'
import { TABLE_DAMAGES } from '../kernel/healing/support/table-damages.ts'
import type { Scope } from '../support/netns.ts'

/** A node as chaos knows it: what chaos itself has done to its management interface. */
export interface Patient {
  readonly host: Host
  /** Of the same stage, to be told of a changed address. */
  readonly others: readonly Host[]
  parent: boolean
  addresses: 'own' | 'other' | 'none'
}

export interface Action {
  readonly name: string
  run(): Promise<void>
}

/** Draws the next action for a patient and updates what is known of it; `run` may fail where something is away just now. */
export function drawAction(patient: Patient, random: Random, scope: Scope): Action {
  const kind = random.pick(patient.parent ? KINDS : KINDS_WITHOUT_PARENT)
  return KIND_ACTIONS[kind](patient, random, scope)
}

const KIND_ACTIONS = { parent, addresses, flap, mtu, damage, agent, stall, flood, leases }
type Kind = keyof typeof KIND_ACTIONS

/** As often as they should happen. */
const KINDS: readonly Kind[] = [
  ...times(4, 'parent'),
  ...times(3, 'addresses'),
  'flap',
  'mtu',
  ...times(8, 'damage'),
  'agent',
  'stall',
  'flood',
  'leases',
]
const KINDS_WITHOUT_PARENT: readonly Kind[] = [...times(6, 'parent'), ...times(2, 'damage'), 'agent', 'stall', 'leases']

/** Brings the management interface back with its own addresses, whatever it was before. */
export async function makeWhole(patient: Patient): Promise<void> {
  const { host } = patient
  await host.ip('link del mgmt0').catch(() => undefined)
  host.expected = { ...host.expected, underlayMtu: 1500 }
  patient.parent = true
  moveTo(patient, 'own')
  await host.buildParent()
}

function parent(patient: Patient, random: Random): Action {
  const { host } = patient
  if (patient.parent) {
    patient.parent = false
    return { name: 'deletes mgmt0', run: () => host.ip('link del mgmt0') }
  }
  patient.parent = true
  const where = random.pick(['own', 'own', 'other'] as const)
  const mtuBytes = random.pick([1500, 1500, 1480])
  return {
    name: `builds mgmt0 with its ${where} addresses and MTU ${mtuBytes}`,
    async run() {
      host.expected = { ...host.expected, underlayMtu: mtuBytes }
      moveTo(patient, where)
      await host.buildParent({ mtu: mtuBytes, addresses: prefixes(host, where) })
    },
  }
}

function addresses(patient: Patient, random: Random): Action {
  const { host } = patient
  if (patient.addresses !== 'none' && random.integer(2) === 0) {
    patient.addresses = 'none'
    return { name: 'takes the addresses of mgmt0', run: () => host.ip('address flush dev mgmt0 scope global') }
  }
  const where = random.pick(['own', 'other'] as const)
  patient.addresses = where
  return {
    name: `gives mgmt0 its ${where} addresses`,
    async run() {
      moveTo(patient, where)
      const adds = prefixes(host, where).map(
        (prefix) => `address replace ${prefix} dev mgmt0${prefix.includes(':') ? ' nodad' : ''}`,
      )
      await host.ip(...adds)
      for (const prefix of prefixes(host, where === 'own' ? 'other' : 'own'))
        await host.ip(`address del ${prefix} dev mgmt0`).catch(() => undefined)
    },
  }
}

function flap({ host }: Patient): Action {
  return {
    name: 'sets mgmt0 down and up',
    async run() {
      await host.ip('link set mgmt0 down', 'link set mgmt0 up')
    },
  }
}

function mtu({ host }: Patient, random: Random): Action {
  const bytes = random.pick([1400, 1450, 1500])
  return {
    name: `gives mgmt0 an MTU of ${bytes}`,
    async run() {
      await host.ip(`link set mgmt0 mtu ${bytes}`)
      host.expected = { ...host.expected, underlayMtu: bytes }
    },
  }
}

const DAMAGES = [...DEVICE_DAMAGES, ...TABLE_DAMAGES].filter(({ waits }) => waits !== true)

function damage({ host }: Patient, random: Random, scope: Scope): Action {
  const [chosen, family] = [random.pick(DAMAGES), random.pick(host.expected.families)]
  return { name: `${family}: the device ${chosen.name}`, run: () => chosen.apply(host, family, scope) }
}

function agent({ host }: Patient, random: Random): Action {
  const signal = random.pick(['SIGTERM', 'SIGKILL'] as const)
  return {
    name: `ends the agent with ${signal} and starts another`,
    async run() {
      host.agent.kill(signal)
      await host.agent.ended
      host.start()
    },
  }
}

/** Several damages while the agent stands still: it wakes up to a changed world. */
function stall({ host }: Patient, random: Random): Action {
  const lines = [0, 1, 2].map(() => {
    const device = random.pick(['flannel.1', 'flannel-v6.1'])
    return random.pick([
      `link del ${device}`,
      `link set ${device} down`,
      `link set ${device} address 0e:ff:00:00:00:01`,
    ])
  })
  return {
    name: `stops the agent for a moment: ${lines.join(', ')}`,
    async run() {
      await host.whileFrozen(async () => {
        for (const line of lines) await host.ip(line).catch(() => undefined)
      })
    },
  }
}

/** More announcements than a socket's receive buffer holds. */
const FLOOD = 2000

function flood({ host }: Patient): Action {
  const add = Array.from({ length: FLOOD }, (_, i) => `route add 198.18.${i >> 8}.${i & 255}/32 dev other0 metric 9`)
  const del = Array.from({ length: FLOOD }, (_, i) => `route del 198.18.${i >> 8}.${i & 255}/32 dev other0 metric 9`)
  return {
    name: 'floods the monitor of a stopped agent, and deletes flannel.1 unheard',
    async run() {
      await host.whileFrozen(async () => {
        await host.ip(...add, ...del)
        await host.ip('link del flannel.1').catch(() => undefined)
      })
    },
  }
}

function leases({ host }: Patient, random: Random): Action {
  const peers = 5 + random.integer(60)
  return {
    name: `lists ${peers} peers in the leases`,
    async run() {
      host.setPeers({ peers })
    },
  }
}

/** What the node's own addresses are from now on; the other nodes read it in their leases. */
function moveTo(patient: Patient, where: 'own' | 'other'): void {
  patient.addresses = where
  const { host } = patient
  const underlay = Object.fromEntries(
    prefixes(host, where).map((prefix, i) => [host.expected.families[i], prefix.replace(/\/.*/, '')]),
  )
  host.expected = { ...host.expected, underlay }
  for (const other of patient.others)
    other.setPeers({ moved: { ...other.expected.moved, [host.expected.own]: underlay } })
}

function prefixes(host: Host, where: 'own' | 'other'): string[] {
  const { families, own } = host.expected
  return families.map((family) => (where === 'own' ? underlayPrefix(family, own) : otherPrefix(family, own)))
}

function otherPrefix(family: Family, own: number): string {
  return `${family === 'ipv4' ? `172.30.0.${own}` : `fd00:1::3000:${own}`}/${UNDERLAY_LENGTH[family]}`
}

function times(count: number, kind: Kind): Kind[] {
  return Array.from({ length: count }, () => kind)
}

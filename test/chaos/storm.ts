/**
 * A storm: actions on two of three nodes, one after the other with pauses drawn as well, and from time to time a calm in
 * which everything must become right. Must not: know how an action works.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../kernel/healing/support/random.ts'
import { drawAction, makeWhole, type Patient } from './actions.ts'
import { createScope } from './scope.ts'
import { createStage, type Stage } from './stage.ts'
import { describeProcess } from './vital-signs.ts'

export interface StormOptions {
  readonly seconds: number
  readonly seed: number
  readonly pinned: boolean
  readonly say: (line: string) => void
}

/** Actions between two calms. */
const ACTIONS_PER_SQUALL = 15
const PAUSES_MS = [0, 0, 0, 1, 5, 20, 100, 300, 1000] as const
const PEERS = 20
/** Lines of history that a failure shows. */
const SHOWN = 60

/** Rejects with the history when something is not right in a calm, or an agent has ended by itself. */
export async function runStorm(options: StormOptions): Promise<void> {
  const { seed, pinned, say } = options
  const scope = createScope()
  const history: string[] = []
  const began = performance.now()
  const note = (line: string): void =>
    void history.push(`${((performance.now() - began) / 1000).toFixed(3)} s  ${line}`)
  try {
    const stage = await createStage(scope, { families: ['ipv4', 'ipv6'], pinned, peers: PEERS })
    await stage.flows()
    const random = createRandom(seed)
    const patients = stage.hosts.slice(0, 2).map((host): Patient => {
      const others = stage.hosts.filter((other) => other !== host)
      return { host, others, parent: true, addresses: 'own' }
    })
    let [actions, squalls, sent, lost] = [0, 0, 0, 0]
    while (performance.now() - began < options.seconds * 1000) {
      for (let i = 0; i < ACTIONS_PER_SQUALL; i += 1) {
        const patient = random.pick([...patients.slice(0, 1), ...patients])
        const action = drawAction(patient, random, scope)
        const pauseMs = random.pick(PAUSES_MS)
        note(`node${patient.host.expected.own}: ${action.name}; then ${pauseMs} ms`)
        await action.run().catch((error: Error) => note(`  not possible just now: ${firstLine(error)}`))
        await delay(pauseMs)
        actions += 1
      }
      note('calm')
      await calm(stage, patients)
      const tally = await stage.tally()
      ;[squalls, sent, lost] = [squalls + 1, sent + tally.sent, lost + tally.lost]
      note(`everything is right; the longest silence was ${tally.longestMs.toFixed(0)} ms`)
    }
    say(`${actions} actions in ${squalls} squalls: everything was right after each`)
    say(`${sent} probes between pods, ${lost} lost or late while mgmt0, agents and devices came and went`)
    for (const { agent, expected } of stage.hosts) say(`agent of node${expected.own}: ${describeProcess(agent.pid)}`)
  } catch (error) {
    throw new Error(
      `seed ${seed}: ${(error as Error).message}\nwhat happened last:\n${history.slice(-SHOWN).join('\n')}`,
    )
  } finally {
    await scope.end()
  }
}

async function calm(stage: Stage, patients: readonly Patient[]): Promise<void> {
  for (const patient of patients) await makeWhole(patient)
  for (const host of stage.hosts) {
    try {
      await host.ready()
    } catch (error) {
      throw new Error(`node${host.expected.own}: ${(error as Error).message}`)
    }
  }
  await stage.flows()
}

function firstLine(error: Error): string {
  return (/"stderr":"([^"]*)"/.exec(error.message)?.[1] ?? error.message).split('\\n')[0] ?? ''
}

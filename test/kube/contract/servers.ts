/**
 * The two API servers that have to behave alike, behind one interface, and the loop that runs each test on both.
 * Must not: hide a difference between them.
 */
import { Agent } from 'node:https'
import { after, before, beforeEach, describe } from 'node:test'
import { askServer } from '../../../lib/lab/real-kube/ask.ts'
import { pem } from '../certificates.ts'
import { findPrograms, WITH_REAL_KUBE } from '../programs.ts'
import type { AskOptions, KubeReply, KubeUser } from '../real-kube.ts'
import { startEmbedded } from './embedded.ts'
import { startReal } from './real.ts'

export interface ContractServer {
  readonly kind: 'embedded' | 'real'
  readonly url: string
  /** Path of what clients trust. */
  readonly caFile: string
  token(user: KubeUser): string
  /** Text of a kubeconfig. */
  kubeconfig(user: KubeUser): string
  /** A client certificate for `user`, in PEM files FILE.crt and FILE.key. */
  issue(user: KubeUser, file: string): void
  /** The API server alone; etcd stays. */
  stop(): Promise<void>
  start(): Promise<void>
  /** From the next start on. */
  setToken(user: KubeUser, token: string): void
  /** From the next start on: a new authority signs everything; `caFile` is overwritten. */
  renewAuthority(): void
  /** etcd's history up to now. */
  compact(): Promise<void>
  backup(): Promise<Backup>
  /** Everything is as it was then, the counter of revisions too; connections are cut. */
  restore(backup: Backup): Promise<void>
  /** Nothing is left, and the counter begins anew; connections are cut. */
  empty(): Promise<void>
  close(): Promise<void>
}

/** A state of etcd; of the server that made it. */
export type Backup = object

export interface ServerOptions {
  /** Default true. */
  readonly watchList?: boolean
  /** More for the real one's command. */
  readonly flags?: readonly string[]
}

/** Servers of today's clusters that the real one can be like: no WatchList, and lists that may be read from etcd. */
export const OLDER: Readonly<Record<string, readonly string[]>> = {
  'as 1.33': ['--emulated-version=1.33'],
  'without ConsistentListFromCache': ['--emulated-version=1.33', '--feature-gates=ConsistentListFromCache=false'],
}

/** What the tests of one server get: the server, and how to ask it. */
export interface Contract {
  readonly server: ContractServer
  /** It is one of OLDER. */
  readonly older: boolean
  ask(method: string, path: string, options?: AskOptions): Promise<KubeReply>
  /** As `ask`, from JSON; fails when the answer is no 2xx. */
  must(method: string, path: string, body?: unknown, contentType?: string): Promise<unknown>
}

export const NODES = '/api/v1/nodes'

/** Runs `tests` once a server, which all of them share; before each, every Node is deleted. The real one where it is asked for; `older`: on those too. */
export function onBothServers(
  tests: (contract: Contract) => void,
  { older = false, ...options }: ServerOptions & { readonly older?: boolean } = {},
): void {
  run('embedded', 'embedded API server', options, tests)
  if (!WITH_REAL_KUBE) return
  run('real', 'real API server', options, tests)
  if (!older) return
  for (const [name, flags] of Object.entries(OLDER))
    run('real', `real API server ${name}`, { ...options, flags }, tests)
}

function run(
  kind: ContractServer['kind'],
  name: string,
  options: ServerOptions,
  tests: (contract: Contract) => void,
): void {
  describe(name, () => {
    let running: ContractServer | undefined
    let agent: Agent | undefined
    const contract: Contract = {
      older: options.flags !== undefined,
      get server() {
        if (running === undefined) throw new Error('the server is not running')
        return running
      },
      ask(method, path, { user = 'admin', ...question } = {}) {
        const { server } = contract
        agent ??= new Agent({ keepAlive: true, ca: pem(server.caFile) })
        return askServer(agent, `${server.url}${path}`, method, { ...question, token: server.token(user) })
      },
      async must(method, path, body, contentType) {
        const reply = await contract.ask(method, path, {
          body,
          ...(contentType === undefined ? {} : { contentType }),
        })
        if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.body}`)
        return JSON.parse(reply.body.toString())
      },
    }
    before(async () => {
      running = withHook(await startServer(kind, options), () => {
        agent?.destroy()
        agent = undefined
      })
    })
    beforeEach(() => deleteNodes(contract))
    after(() => running?.close())
    tests(contract)
  })
}

/** Calls `onCut` whenever no connection outlives what is done. */
function withHook(server: ContractServer, onCut: () => void): ContractServer {
  const cutting =
    <A extends unknown[]>(work: (...given: A) => Promise<void>) =>
    async (...given: A): Promise<void> => {
      onCut()
      await work(...given)
      onCut()
    }
  return {
    ...server,
    stop: cutting(server.stop),
    start: cutting(server.start),
    restore: cutting(server.restore),
    empty: cutting(server.empty),
    close: cutting(server.close),
  }
}

function startServer(kind: ContractServer['kind'], options: ServerOptions): Promise<ContractServer> {
  if (kind === 'embedded') return startEmbedded(options)
  return startReal(findPrograms(), options)
}

async function deleteNodes({ must }: Contract): Promise<void> {
  const list = (await must('GET', NODES)) as { items: { metadata: { name: string; finalizers?: string[] } }[] }
  const noFinalizers = { metadata: { finalizers: null } }
  for (const { metadata } of list.items) {
    const path = `${NODES}/${metadata.name}`
    if (metadata.finalizers !== undefined) await must('PATCH', path, noFinalizers, 'application/merge-patch+json')
    await must('DELETE', path)
  }
}

/**
 * A program that gives credentials, as a kubeconfig names it (client.authentication.k8s.io): runs it within a bound, and
 * remembers what it gave for as long as that is good. Must not: read the kubeconfig, or outlive its caller: whoever is not
 * waited for any more is killed, with all that it has started.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { member } from '../util/go-json.ts'

export interface ExecPlugin {
  readonly command: string
  readonly args: readonly string[]
  /** Beside our own environment. */
  readonly env: Readonly<Record<string, string>>
  readonly apiVersion: string
  /** What the program is told of the cluster; undefined: the kubeconfig does not want it to be told. */
  readonly cluster: Readonly<Record<string, unknown>> | undefined
}

/** PEM texts and a bearer token, each where the program gave it. */
export interface ExecCredential {
  readonly token?: string
  readonly cert?: string
  readonly key?: string
}

/** Some ask a cloud; longer than this is told, and tried again. */
const LIMIT_MS = 15_000
const MOST_OUTPUT = 1 << 20
const GROUP = 'client.authentication.k8s.io/'

/** `config` as it stands in a kubeconfig in `folder`. Throws Error with what is wrong. */
export function readExecPlugin(config: unknown, folder: string, cluster: ExecPlugin['cluster']): ExecPlugin {
  const [command, apiVersion] = [member(config, 'command'), member(config, 'apiVersion')]
  if (typeof command !== 'string' || command === '') throw new Error('exec names no command')
  if (typeof apiVersion !== 'string' || !apiVersion.startsWith(GROUP))
    throw new Error(`exec has no apiVersion ${GROUP}…`)
  if (member(config, 'interactiveMode') === 'Always') throw new Error(`${command} wants a terminal (interactiveMode)`)
  const [args, env] = [member(config, 'args'), member(config, 'env')]
  const pairs = (Array.isArray(env) ? env : []).map((one) => [
    String(member(one, 'name')),
    String(member(one, 'value')),
  ])
  return {
    command: command.includes('/') ? path.resolve(folder, command) : command,
    args: Array.isArray(args) ? args.map(String) : [],
    env: Object.fromEntries(pairs),
    apiVersion,
    cluster: member(config, 'provideClusterInfo') === true ? cluster : undefined,
  }
}

interface Kept {
  readonly credential: ExecCredential
  /** Milliseconds since 1970; undefined: until it is refused. */
  readonly expires: number | undefined
}

/** Of this process, as each connection reads its kubeconfig anew. */
const kept = new Map<string, Kept>()

/** Rejects with Error, and with its reason when `signal` aborts. */
export async function askExecPlugin(plugin: ExecPlugin, signal: AbortSignal | undefined): Promise<ExecCredential> {
  const key = JSON.stringify(plugin)
  const known = kept.get(key)
  if (known !== undefined && (known.expires === undefined || known.expires > Date.now())) return known.credential
  kept.delete(key)
  const given = readCredential(plugin, await run(plugin, signal))
  kept.set(key, given)
  return given.credential
}

/** The API server does not accept it: it is asked for anew. */
export function forgetExecCredential(plugin: ExecPlugin): void {
  kept.delete(JSON.stringify(plugin))
}

function readCredential({ command, apiVersion }: ExecPlugin, text: string): Kept {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    throw new Error(`${command} printed no JSON`)
  }
  if (member(answer, 'apiVersion') !== apiVersion)
    throw new Error(`${command} answered in another apiVersion than ${apiVersion}`)
  const status = member(answer, 'status')
  const [token, cert, key] = ['token', 'clientCertificateData', 'clientKeyData'].map((name) => textAt(status, name))
  if (token === undefined && (cert === undefined || key === undefined))
    throw new Error(`${command} gave neither a token nor a certificate with its key`)
  const expires = Date.parse(textAt(status, 'expirationTimestamp') ?? '')
  return {
    credential: {
      ...(token === undefined ? {} : { token }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
    expires: Number.isNaN(expires) ? undefined : expires,
  }
}

function textAt(of: unknown, key: string): string | undefined {
  const text = member(of, key)
  return typeof text === 'string' && text !== '' ? text : undefined
}

/** What it printed. In a process group of its own, which ends as one. */
function run(
  { command, args, env, apiVersion, cluster }: ExecPlugin,
  signal: AbortSignal | undefined,
): Promise<string> {
  const spec = { interactive: false, ...(cluster === undefined ? {} : { cluster }) }
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec })
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) throw signal.reason
    const child = spawn(command, args, {
      env: { ...process.env, ...env, KUBERNETES_EXEC_INFO: info },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let [printed, complaint] = ['', '']
    const end = (act: () => void): void => {
      clearTimeout(late)
      signal?.removeEventListener('abort', abort)
      act()
    }
    const kill = (why: unknown): void => {
      end(() => reject(why))
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
      for (const pipe of [child.stdout, child.stderr]) pipe.destroy()
    }
    const abort = (): void => kill(signal?.reason)
    const late = setTimeout(() => kill(new Error(`${command} gave nothing within ${LIMIT_MS / 1000} s`)), LIMIT_MS)
    signal?.addEventListener('abort', abort)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (printed.length > MOST_OUTPUT) kill(new Error(`${command} printed more than ${MOST_OUTPUT} characters`))
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-1000)
    })
    child.on('error', (error) => end(() => reject(error)))
    child.on('close', (code, by) => {
      const how = by === null ? `ended with ${code}` : `was ended by ${by}`
      const why = complaint.trim()
      end(() => (code === 0 ? resolve(printed) : reject(new Error(`${command} ${how}${why === '' ? '' : `: ${why}`}`))))
    })
  })
}

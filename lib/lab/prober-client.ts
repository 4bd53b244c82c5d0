/** The lab's side of the prober process. Must not: know what the probes are good for. */
import { spawn } from 'node:child_process'
import { LabError } from './lab-error.ts'
import { ownCommand } from './own-command.ts'
import type { ProberMessage, ProberReplies, ProberRequest } from './prober-protocol.ts'

export interface Prober {
  /** Rejects with LabError when the prober cannot, or has ended. */
  ask<Op extends ProberRequest['op']>(request: Extract<ProberRequest, { op: Op }>): Promise<ProberReplies[Op]>
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Starts the prober; it ends with the lab, whose namespaces are torn down. */
export function startProber(): Prober {
  const [program, ...args] = ownCommand(['lab', 'prober'])
  // A session of its own: Ctrl-C is the lab's to handle.
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], detached: true })
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let ended: LabError | undefined

  const end = (because: string): void => {
    ended ??= new LabError(`the prober ended: ${because}`)
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  child.on('error', (error) => end(error.message))
  child.on('exit', (code, signal) => end(signal ?? `status ${code}`))
  child.on('message', (raw) => {
    const message = raw as ProberMessage
    const request = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.ok) request?.resolve(message.value)
    else request?.reject(new LabError(`the prober: ${message.error}`))
  })

  return {
    ask<Op extends ProberRequest['op']>(request: Extract<ProberRequest, { op: Op }>) {
      if (ended !== undefined) return Promise.reject(ended)
      lastId += 1
      const id = lastId
      return new Promise<ProberReplies[Op]>((resolve, reject) => {
        waiting.set(id, { resolve: (value) => resolve(value as ProberReplies[Op]), reject })
        child.send({ id, request })
      })
    },
  }
}

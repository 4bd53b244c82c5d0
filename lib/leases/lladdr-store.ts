/**
 * The lladdr of one device, kept over restarts and reboots in the state folder, so that peers need not learn a new one.
 * Must not: decide whether it is used (lib/agent/own-lladdr.ts).
 */
import path from 'node:path'
import { readIfExists, replaceFile } from '../host/files.ts'
import { isUnicastLladdr, type Lladdr, parseLladdr } from '../net/lladdr.ts'
import { isRecord } from '../util/go-json.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'

const VERSION = 1

export interface LladdrStore {
  /** undefined: none was saved, or what is there cannot be read (told in the log): another one is made then. */
  load(): Promise<Lladdr | undefined>
  /** Resolves when it is on the disk; rejects with the system's error. */
  save(lladdr: Lladdr): Promise<void>
}

/** One file a device: `STATE_DIR/IFNAME.lladdr.json`. */
export function createLladdrStore(options: {
  readonly stateDir: string
  readonly ifname: string
  readonly log: Log
}): LladdrStore {
  const file = path.join(options.stateDir, `${options.ifname}.lladdr.json`)
  return {
    async load() {
      try {
        const text = await readIfExists(file)
        return text === undefined ? undefined : parseSaved(text)
      } catch (error) {
        const because = messageOf(error)
        options.log.warn('state.unreadable', `${file} cannot be used, a new MAC address is chosen: ${because}`, {
          error,
        })
        return undefined
      }
    },
    save: (lladdr) => replaceFile(file, `${JSON.stringify({ version: VERSION, lladdr })}\n`),
  }
}

function parseSaved(text: string): Lladdr {
  const saved: unknown = JSON.parse(text)
  if (!isRecord(saved) || saved.version !== VERSION) throw new RangeError(`it is not of version ${VERSION}`)
  const lladdr = parseLladdr(String(saved.lladdr))
  if (!isUnicastLladdr(lladdr)) throw new RangeError(`${lladdr} is not a unicast MAC address`)
  return lladdr
}

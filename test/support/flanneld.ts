/** The real flanneld, for tests that ask it rather than our notes. Must not: start it. */
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { defaultProgramsFolder } from '../../lib/lab/real-kube/programs.ts'

/** Of VTEPD_FLANNELD, else where the programs of test/kube are. */
export const FLANNELD = process.env.VTEPD_FLANNELD ?? path.join(defaultProgramsFolder(), 'flanneld-0.28.4')

/** Why a test that needs it is skipped; false: it is there. */
export function withoutFlanneld(): string | false {
  try {
    accessSync(FLANNELD, constants.X_OK)
    return false
  } catch {
    return `needs the real flanneld: set VTEPD_FLANNELD (${FLANNELD} is none)`
  }
}

/**
 * The files that a lab is asked for: opened outside of its walls, so that a path means what it meant to its user and a bad one ends
 * the lab before it begins; written inside. Must not: draw.
 */
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { FIRST_FILE_FD } from '../isolation.ts'
import { LabError } from '../lab-error.ts'
import type { LabOptions } from '../options.ts'
import type { LabReport } from '../report.ts'
import { renderPage } from './page.ts'
import { renderTimelineSvg } from './timeline-file.ts'

type Asked = Pick<LabOptions, 'html' | 'svg'>

export interface OpenPictures {
  /** One a picture that can be asked for, in the order of FIRST_FILE_FD. */
  readonly fds: readonly (number | undefined)[]
  /** Removes those that are new and got nothing. */
  close(): void
}

/** Leaves what is in them. Throws LabError naming the file that cannot be written. */
export function openPictures({ html, svg }: Asked): OpenPictures {
  const opened = [html, svg].map((file) => {
    if (file === undefined) return undefined
    const isNew = !existsSync(file)
    try {
      return { file, isNew, fd: openSync(file, 'a') }
    } catch (error) {
      throw cannotWrite(file, error)
    }
  })
  return {
    fds: opened.map((one) => one?.fd),
    close() {
      for (const { file, isNew, fd } of opened.filter((one) => one !== undefined)) {
        if (isNew && fstatSync(fd).size === 0) rmSync(file, { force: true })
        closeSync(fd)
      }
    },
  }
}

/** Returns the names of those written: not that of `--svg` where the scenario was not played. Throws LabError. */
export function writePictures(report: LabReport, { html, svg }: Asked): string[] {
  const made = { date: new Date().toISOString(), kernel: release() }
  const [scenario] = report.scenarios
  const page = html === undefined ? undefined : renderPage(report, made)
  const picture = svg === undefined || scenario === undefined ? undefined : renderTimelineSvg(scenario)
  return [[html, page] as const, [svg, picture] as const].flatMap(([file, text], index) => {
    if (file === undefined || text === undefined) return []
    const fd = FIRST_FILE_FD + index
    try {
      if (fstatSync(fd).isFile()) ftruncateSync(fd)
      writeFileSync(fd, text)
    } catch (error) {
      throw cannotWrite(file, error)
    }
    return [file]
  })
}

function cannotWrite(file: string, error: unknown): LabError {
  return new LabError(`${file} cannot be written: ${(error as NodeJS.ErrnoException).code}`)
}

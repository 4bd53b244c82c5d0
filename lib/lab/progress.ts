/**
 * How the lab tells a person how far it is: a turning sign on a terminal, plain lines elsewhere.
 * Must not: decide anything, nor write to standard output when that belongs to the JSON document.
 */
import { type Style, styleOf } from '../util/style.ts'

export interface Progress {
  /** A step begins; only one at a time. */
  step(title: string): Step
  print(lines: readonly string[]): void
  /** Ends a step that nobody ends any more, without a word. */
  abandon(): void
  readonly style: Style
}

export interface Step {
  /** What stands behind the title while it lasts. */
  update(detail: string): void
  done(detail: string): void
  failed(detail: string): void
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 80
const CLEAR_LINE = '\r\x1b[K'

export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number | undefined
}

export function createProgress(stream: ProgressStream, env: NodeJS.ProcessEnv = process.env): Progress {
  const live = stream.isTTY === true
  const style = styleOf(stream, env)
  let shown: string | undefined
  let frame = 0
  let timer: NodeJS.Timeout | undefined

  const draw = (): void => {
    if (!live || shown === undefined) return
    frame += 1
    const line = `${FRAMES[frame % FRAMES.length]} ${shown}`
    stream.write(`${CLEAR_LINE}${line.slice(0, (stream.columns || 80) - 1)}`)
  }
  const print = (lines: readonly string[]): void => {
    if (live && shown !== undefined) stream.write(CLEAR_LINE)
    for (const line of lines) stream.write(`${line}\n`)
    draw()
  }
  const abandon = (): void => {
    clearInterval(timer)
    if (live && shown !== undefined) stream.write(CLEAR_LINE)
    shown = undefined
  }
  const end = (sign: string, title: string, detail: string): void => {
    abandon()
    print([`${sign} ${title}${detail === '' ? '' : style.faint(`  ${detail}`)}`])
  }
  return {
    style,
    print,
    abandon,
    step(title) {
      clearInterval(timer)
      shown = title
      if (live) timer = setInterval(draw, FRAME_MS).unref()
      draw()
      return {
        update(detail) {
          shown = `${title}  ${detail}`
        },
        done: (detail) => end(style.good('✓'), title, detail),
        failed: (detail) => end(style.bad('✗'), title, detail),
      }
    },
  }
}

/** Runs `work` as one step: its detail behind a good or bad sign; an exception ends the step as failed and goes on up. */
export async function inStep<T>(
  progress: Progress,
  title: string,
  work: (step: Pick<Step, 'update'>) => Promise<{ value: T; good: boolean; detail: string }>,
): Promise<T> {
  const step = progress.step(title)
  try {
    const { value, good, detail } = await work(step)
    if (good) step.done(detail)
    else step.failed(detail)
    return value
  } catch (error) {
    step.failed('')
    throw error
  }
}

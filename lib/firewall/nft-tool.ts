/**
 * Asks nft(8), and sorts its answers: done, not there, or what it said. Must not: know which tables there are.
 */
import type { ProgramResult, RunProgram } from '../host/exec.ts'
import type { FilterResult } from './port.ts'

export type NftAnswer =
  | { readonly outcome: 'done'; readonly stdout: string }
  /** What was asked for does not exist. Only of `list`. */
  | { readonly outcome: 'absent'; readonly because: string }
  /** There is no nft. */
  | { readonly outcome: 'missing' }
  /** In nft's words. */
  | { readonly outcome: 'failed'; readonly because: string }

export interface NftTool {
  /** `input` goes to its standard input. */
  run(args: readonly string[], input?: string): Promise<NftAnswer>
  /** `args`: `list table FAMILY NAME`. A failure is told from absence by looking which tables there are. */
  list(args: readonly string[]): Promise<NftAnswer>
}

export function createNftTool(runProgram: RunProgram): NftTool {
  const run = async (args: readonly string[], input?: string): Promise<NftAnswer> =>
    answerOf(await runProgram('nft', args, input === undefined ? {} : { input }))
  return {
    run,
    async list(args) {
      const answer = await run(args)
      if (answer.outcome !== 'failed') return answer
      const [family, name] = args.slice(-2)
      // It names tables without a chain too. `list tables`, of all questions, makes nft 1.0.6 read every rule there is.
      const chains = await run(['list', 'chains', family ?? ''])
      const isThere = chains.outcome !== 'done' || chains.stdout.split('\n').includes(`table ${family} ${name} {`)
      return isThere ? answer : { outcome: 'absent', because: answer.because }
    },
  }
}

export type NftFailure = Exclude<FilterResult, { readonly notes: unknown }>

/** `missing`: what is asked for is known not to be there. */
export function failureOf(answer: Exclude<NftAnswer, { outcome: 'done' }>, missing: boolean): NftFailure {
  return answer.outcome === 'missing'
    ? { outcome: 'unsupported', because: 'there is no program nft; install the package nftables' }
    : { outcome: 'failed', because: answer.because, missing }
}

function answerOf(result: ProgramResult): NftAnswer {
  switch (result.outcome) {
    case 'exited':
      return result.status === 0
        ? { outcome: 'done', stdout: result.stdout }
        : { outcome: 'failed', because: wordsOf(result.stderr, result.status) }
    case 'missing':
      return { outcome: 'missing' }
    case 'timed-out':
      return { outcome: 'failed', because: 'nft did not end in time' }
    default:
      return { outcome: 'failed', because: `nft: ${result.because}` }
  }
}

/** The first line that says something; what follows shows where in the text. */
function wordsOf(stderr: string, status: number): string {
  const line = stderr.split('\n').find((each) => each.trim() !== '')
  return line === undefined ? `nft ended with status ${status}` : `nft: ${line.trim()}`
}

/** lib/host/exec as tests use it: with their patience where none is given. */
import * as exec from '../../lib/host/exec.ts'
import { patience } from './patience.ts'

export const runProgram: exec.RunProgram = (program, args, options = {}) =>
  exec.runProgram(program, args, { ...options, timeoutMs: options.timeoutMs ?? patience(10_000) })

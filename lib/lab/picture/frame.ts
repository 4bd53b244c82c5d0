/** Where the parts of a timeline's drawing stand, in its two forms: beside each other, and below each other for narrow screens. Pure. */
import type { TimeScale } from './scale.ts'
import { timeScale } from './scale.ts'
import type { Scene } from './scenes.ts'

export type Form = 'wide' | 'narrow'

/** Pixels of a drawing that is shown in its own size. */
export interface Frame {
  readonly form: Form
  readonly width: number
  /** Of the axis of time. */
  readonly left: number
  readonly right: number
  readonly scale: TimeScale
}

const SIDES: Readonly<Record<Form, Omit<Frame, 'form' | 'scale'> & { readonly mostTicks: number }>> = {
  wide: { width: 812, left: 112, right: 804, mostTicks: 10 },
  narrow: { width: 340, left: 8, right: 332, mostTicks: 5 },
}

export function frameOf({ fromMs, toMs }: Scene, form: Form): Frame {
  const { mostTicks, ...sides } = SIDES[form]
  return { form, ...sides, scale: timeScale(fromMs, toMs, sides.left, sides.right, mostTicks) }
}

/** Every scenario by its name. Each plays on the fake kernel and on the real one. */
import { addresses } from './scenarios/addresses.ts'
import { disturbances } from './scenarios/disturbances.ts'
import { entries } from './scenarios/entries.ts'
import { links } from './scenarios/links.ts'
import { rules } from './scenarios/rules.ts'
import type { Scenario } from './stage.ts'

export const scenarios: ReadonlyMap<string, Scenario> = new Map([
  ...addresses,
  ...links,
  ...entries,
  ...disturbances,
  ...rules,
])

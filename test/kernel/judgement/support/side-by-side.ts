/**
 * How many hosts of one file are looked at at a time. A few: a repair that takes more than a second is told, and a machine that
 * is too busy makes it take that. Must not: know what is looked at.
 */
import { kernelTests } from '../../../support/netns.ts'

export const SIDE_BY_SIDE = { ...kernelTests, concurrency: 3 }

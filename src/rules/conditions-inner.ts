/**
 * Inner fields (`esxi.user`, `vcenter.event_type`) as conditions read them: nothing is read until a condition asks for the
 * first one of an event, then all of its family at once.
 */
import { Buffer } from 'node:buffer'
import { findInner, type InnerField, type InnerSpan } from '../classify/inner.ts'
import { PartsWindow } from '../classify/vcenter-parts.ts'
import { type EventView, Grammar } from '../classify/view.ts'
import type { SpanTest } from './conditions-structured-data.ts'
import type { RulesPlan } from './plan.ts'

/** Where a value was found; one for all conditions of a thread, which ask one after the other. */
const found: InnerSpan = { buf: Buffer.alloc(0), start: 0, end: 0 }

/** Asks a field of the event: false when it is absent. */
export type InnerReader = (view: EventView, test: SpanTest) => boolean

/** All conditions of a rule set share what they remember of long events. */
const windows = new WeakMap<RulesPlan, PartsWindow>()

export function innerReader(field: InnerField, plan: RulesPlan): InnerReader {
  if (field.family !== Grammar.vcenter) {
    return (view, test) => findInner(view, field, found) && test(found.buf, found.start, found.end)
  }
  const window = windows.get(plan) ?? new PartsWindow()
  windows.set(plan, window)
  return (view, test) => {
    window.read(view)
    return findInner(view, field, found) && test(found.buf, found.start, found.end)
  }
}

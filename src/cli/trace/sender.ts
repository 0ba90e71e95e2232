/** What each forwarder would write of an event: its changes made, its format written, nothing opened or sent. */
import { Buffer } from 'node:buffer'
import type { Classifier } from '../../classify/classifier.ts'
import type { EventView } from '../../classify/view.ts'
import { Sampler } from '../../forward/sample.ts'
import { Batch, type BatchNames } from '../../queue/batch.ts'
import { PayloadForm } from '../../queue/batch-format.ts'
import type { ConditionEnv } from '../../rules/conditions-fields.ts'
import { type Editor, makeEditors } from '../../rules/editor.ts'
import type { RulesPlan } from '../../rules/plan.ts'

export interface SenderDeps {
  readonly plan: RulesPlan
  readonly env: ConditionEnv
  readonly names: BatchNames
  readonly classifier: Classifier
  /** The key of hashes. */
  readonly key: string
}

export class Sender {
  readonly #deps: SenderDeps
  readonly #editors: readonly Editor[]
  readonly #samplers = new Map<number, Sampler>()

  constructor(deps: SenderDeps) {
    this.#deps = deps
    const { plan, env, key, classifier } = deps
    this.#editors = makeEditors({
      plan,
      env,
      key,
      read: (view, stream) => classifier.read(view, stream),
    })
  }

  /** What forwarder number `index` of the plan writes of the event; null when it cannot express it. */
  send(view: EventView, owner: number, index: number): Buffer | null {
    const { plan, names } = this.#deps
    const forwarder = plan.forwarders[index]
    if (forwarder === undefined) return null
    const edited = this.#editors[forwarder.edit]?.edit(view, -1) ?? view
    let sampler = this.#samplers.get(index)
    if (sampler === undefined) {
      sampler = new Sampler(forwarder.settings, { streams: () => plan.streams })
      this.#samplers.set(index, sampler)
    }
    const identity = { epoch: 0, worker: 0, forwarder: forwarder.key, generation: plan.generation }
    const room = Buffer.allocUnsafeSlow(Math.max(1, edited.end - edited.start))
    const batch = new Batch(PayloadForm.bare, identity, names, room)
    // A listener that nothing is known of has a number that no batch can hold.
    const listener = Math.max(0, edited.listener)
    const { buf, start, end, flags, received_at, stream, source, peer } = edited
    batch.append({ buf, start, end, flags, received_at, stream, listener, source, peer }, owner, false)
    batch.seal(0)
    return sampler.first(batch)
  }
}

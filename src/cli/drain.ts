/** `logweir drain`: a node leaves its balancer: it takes nothing more and delivers what it holds. */
import { setTimeout as sleep } from 'node:timers/promises'
import { LogweirError } from '../base/errors.ts'
import { parseDuration } from '../config/quantities.ts'
import type { DrainAnswer, DrainLeft } from '../control/drain.ts'
import type { AdminClient } from './admin-client.ts'
import { ADMIN_OPTION, type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { paint, print, say } from './output.ts'
import { ageText, cell, table } from './text-table.ts'

const WAIT = '60s'
/** How often the router is asked, and how often progress is said when only the number of events changed. */
const ASK_MS = 500
const SAY_MS = 5000

export const drain: CliCommand = {
  name: 'drain',
  summary: 'stop taking events and deliver what is held, for a node that leaves a balancer',
  options: [
    {
      name: 'wait',
      kind: 'text',
      value: 'TIME',
      summary: `how long to wait until everything is delivered (${WAIT} when left out); the drain goes on`,
    },
    {
      name: 'grace',
      kind: 'text',
      value: 'TIME',
      summary: 'how long /readyz says `draining` before listeners close; `drain.grace` when left out',
    },
    { name: 'cancel', kind: 'flag', summary: 'take events again' },
    CONFIG_OPTION,
    ADMIN_OPTION,
    JSON_OPTION,
  ],
  example: ['logweir drain --wait 5m', 'logweir drain --grace 0s --json', 'logweir drain --cancel'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const wait = parseDuration(args.text('wait') ?? WAIT)
  if ('problem' in wait) throw new LogweirError('LW_USAGE', `--wait: ${wait.problem}`, wait.hint)
  const grace = args.text('grace')
  if (args.flag('cancel') && (args.text('wait') ?? grace) !== undefined)
    throw new LogweirError('LW_USAGE', '--cancel waits for nothing', 'leave --wait and --grace out')
  const { adminClient } = await import('./admin-client.ts')
  const client = adminClient(args.router)
  if (args.flag('cancel')) return cancel(client, args.flag('json'))
  const begun = (await client.post('/api/v1/drain', grace === undefined ? {} : { grace })) as DrainAnswer
  const ended = await follow(client, begun, wait.value)
  if (args.flag('json')) print(JSON.stringify(ended))
  else for (const line of resultLines(ended)) print(line)
  return ended.state === 'drained' ? 0 : 1
}

async function cancel(client: AdminClient, json: boolean): Promise<number> {
  const answer = (await client.post('/api/v1/drain/cancel')) as DrainAnswer
  if (json) print(JSON.stringify(answer))
  else print('not draining: listeners are open')
  return 0
}

/** Asks until it is drained or the time is over; says how it goes. */
async function follow(client: AdminClient, begun: DrainAnswer, wait: number): Promise<DrainAnswer> {
  const end = performance.now() + wait
  let answer = begun
  let said = { state: '', at: 0, left: -1 }
  for (;;) {
    const now = performance.now()
    if (answer.state !== said.state || (now - said.at >= SAY_MS && answer.left !== said.left)) {
      said = { state: answer.state, at: now, left: answer.left }
      say(progress(answer))
    }
    if (answer.state === 'drained' || answer.state === 'none' || now >= end) return answer
    await sleep(Math.min(ASK_MS, end - now))
    answer = (await client.get('/api/v1/drain')) as DrainAnswer
  }
}

function progress({ state, closes_in, left, forwarders }: DrainAnswer): string {
  switch (state) {
    case 'announced':
      return `not ready any more; listeners close in ${(closes_in ?? 0).toFixed(0)} s`
    case 'closing':
      return 'listeners close; senders may finish'
    case 'emptying':
      return `listeners are closed; ${left} events of ${forwarders.length} forwarders are left`
    case 'drained':
      return 'drained'
    case 'none':
      return 'the drain was cancelled'
  }
}

/** What became of it, in lines. */
export function resultLines({ state, left, forwarders }: DrainAnswer): string[] {
  if (state === 'drained')
    return [
      `${paint('green', 'drained')}: everything is delivered; nothing is taken until \`logweir drain --cancel\` or a restart`,
    ]
  if (state === 'none') return [paint('yellow', 'the drain was cancelled: events are taken again')]
  const open = state === 'announced' || state === 'closing' ? ', and listeners are not closed yet' : ''
  const head = `${paint('yellow', 'not drained')}: ${left} events are left${open}; the router goes on delivering`
  return [head, ...leftLines(forwarders)]
}

function leftLines(forwarders: readonly DrainLeft[]): string[] {
  if (forwarders.length === 0) return []
  return table(
    ['forwarder', 'left', 'in memory', 'on disk', 'in flight', 'oldest', 'why'],
    forwarders.map((one) => [
      cell(`${one.tenant}/${one.forwarder}`, 60),
      String(one.events),
      String(one.queued),
      String(one.spooled),
      String(one.in_flight),
      ageText(one.oldest_seconds),
      cell(reason(one), 120),
    ]),
  )
}

/** Why it is not empty, as far as anybody knows. */
function reason({ state, pause, last_error }: DrainLeft): string {
  if (state === 'stopped') return 'not in the rules: nobody delivers it'
  if (pause !== null) return 'paused by an operator'
  return last_error ?? state
}

/** Carries out `logweir send`. */
import { systemClock } from '../../base/clock.ts'
import { LogweirError } from '../../base/errors.ts'
import type { CliArgs } from '../command.ts'
import { type Input, openInput } from '../input.ts'
import { print, say } from '../output.ts'
import { MESSAGE_MAX, type Pack, readMessages } from './messages.ts'
import { Pace } from './pace.ts'
import { Progress } from './progress.ts'
import type { Sender } from './sender.ts'
import { framingOf, parseTarget, type SendTarget } from './target.ts'

interface Job {
  readonly target: SendTarget
  readonly input: Input
  readonly loop: boolean
  readonly count: number
  readonly rate: number | undefined
  readonly json: boolean
}

/** What has been sent. */
interface Sent {
  messages: number
  bytes: number
  /** Messages that do not begin as a syslog message does. */
  without_pri: number
  /** Messages that were too long and went out cut. */
  cut: number
}

const LESS = 0x3c

export async function sendCommand(args: CliArgs): Promise<number> {
  const target = parseTarget(args.text('to'))
  const framing = framingOf(target, args.text('framing'))
  const input = openInput(args.argument)
  const job = {
    target,
    input,
    loop: args.flag('loop'),
    count: args.number('count') ?? Number.POSITIVE_INFINITY,
    rate: args.number('rate'),
    json: args.flag('json'),
  }
  checkUsage(job, args)
  const sender = await open(target, framing === 'octet-counting', args)
  const stop = stopOnSignal()
  const began = systemClock.monotonic()
  const sent: Sent = { messages: 0, bytes: 0, without_pri: 0, cut: 0 }
  const progress = new Progress(process.stderr, began)
  try {
    await sendAll(job, sender, sent, progress, stop)
    await sender.close()
  } finally {
    progress.clear()
    if (sent.cut > 0) say(`${sent.cut} messages were longer than ${MESSAGE_MAX} bytes and went out cut`)
    if (framing === 'octet-counting' && sent.without_pri > 0) {
      say(`${sent.without_pri} messages do not begin with <PRI>: after a count, receivers may refuse them`)
    }
    report(job, sender, sent, (systemClock.monotonic() - began) / 1000)
  }
  return sender.failed > 0 ? 1 : 0
}

function checkUsage({ target, input, loop, rate }: Job, args: CliArgs): void {
  if (loop && input.size === null) {
    throw new LogweirError(
      'LW_USAGE',
      `${input.name} cannot be sent again and again`,
      'give a FILE with `--loop`',
    )
  }
  if (rate === 0) throw new LogweirError('LW_USAGE', '`--rate 0` would never send', 'give a rate above 0')
  const options = ['ca', 'cert', 'key'].filter((name) => args.text(name) !== undefined)
  if (args.flag('insecure')) options.push('insecure')
  const [first] = options
  if (first !== undefined && !target.scheme.endsWith('tls')) {
    throw new LogweirError(
      'LW_USAGE',
      `\`--${first}\` is for tls://, relp-tls:// and cfapi-tls://`,
      `leave it out for ${target.scheme}://`,
    )
  }
  if ((args.text('cert') === undefined) !== (args.text('key') === undefined)) {
    throw new LogweirError('LW_USAGE', '`--cert` and `--key` belong together', 'give both or none')
  }
}

async function open(target: SendTarget, counted: boolean, args: CliArgs): Promise<Sender> {
  if (target.scheme === 'udp') {
    const { openUdp } = await import('./udp.ts')
    return openUdp(target)
  }
  const insecure = args.flag('insecure')
  if (insecure) say(`--insecure: whoever answers at ${target.shown} gets the messages`)
  const tls = {
    ca: args.text('ca'),
    cert: args.text('cert'),
    key: args.text('key'),
    insecure,
  }
  if (target.scheme === 'cfapi' || target.scheme === 'cfapi-tls') {
    const { openCfapi } = await import('./cfapi.ts')
    return openCfapi(target, tls)
  }
  if (target.scheme === 'relp' || target.scheme === 'relp-tls') {
    const { openRelp } = await import('./relp.ts')
    return openRelp(target, tls)
  }
  const { openStream } = await import('./stream.ts')
  return openStream(target, counted, tls)
}

async function sendAll(
  job: Job,
  sender: Sender,
  sent: Sent,
  progress: Progress,
  stop: { readonly asked: boolean; sleep(ms: number): Promise<void> },
): Promise<void> {
  const pace = job.rate === undefined ? undefined : new Pace(job.rate, systemClock.monotonic())
  for await (const pack of readMessages(job.input, job.loop, sent)) {
    let next = 0
    const last = Math.min(pack.ends.length, job.count - sent.messages)
    while (next < last && !stop.asked) {
      const now = systemClock.monotonic()
      const some = pace === undefined ? last - next : pace.take(last - next, now)
      if (some === 0) {
        await stop.sleep(pace?.wait(now) ?? 0)
        continue
      }
      sent.without_pri += withoutPri(pack, next, next + some)
      await sender.send(pack, next, next + some)
      sent.messages += some
      sent.bytes += startOf(pack, next + some) - startOf(pack, next)
      next += some
      progress.show(sent.messages, part(job, sent), now)
    }
    if (stop.asked || sent.messages >= job.count) return
  }
}

function withoutPri(pack: Pack, first: number, last: number): number {
  let found = 0
  for (let n = first; n < last; n += 1) if (pack.bytes[startOf(pack, n)] !== LESS) found += 1
  return found
}

function startOf({ ends }: Pack, n: number): number {
  return n === 0 ? 0 : (ends[n - 1] ?? 0)
}

function part(job: Job, sent: Sent): number | null {
  if (Number.isFinite(job.count) && (job.loop || job.input.size === null)) return sent.messages / job.count
  if (job.loop || job.input.size === null || job.input.size === 0) return null
  return Math.max(sent.bytes / job.input.size, Number.isFinite(job.count) ? sent.messages / job.count : 0)
}

/** Ctrl-C ends the sending, not the counting. */
function stopOnSignal(): { readonly asked: boolean; sleep(ms: number): Promise<void> } {
  let asked = false
  let wake: (() => void) | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      asked = true
      wake?.()
    })
  }
  return {
    get asked() {
      return asked
    },
    sleep: (ms) =>
      new Promise((done) => {
        const timer = systemClock.after(Math.max(1, ms), done)
        wake = () => {
          timer.cancel()
          done()
        }
      }),
  }
}

function report(job: Job, sender: Sender, { messages, bytes }: Sent, seconds: number): void {
  const { failed, failure } = sender
  if (failure !== null) say(`${failed} messages were refused by the system, the last one: ${failure}`)
  if (job.json) {
    const rounded = Math.round(seconds * 1000) / 1000
    print(
      JSON.stringify({ to: job.target.shown, messages: messages - failed, bytes, failed, seconds: rounded }),
    )
    return
  }
  const rate = seconds > 0 ? Math.round(messages / seconds) : messages
  const refused = failed > 0 ? `, ${failed} refused` : ''
  print(
    `sent ${messages - failed} messages (${bytes} bytes) to ${job.target.shown} in ${seconds.toFixed(2)} s, ${rate} a second${refused}`,
  )
}

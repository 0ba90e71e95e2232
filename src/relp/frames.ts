/** RELP as bytes (librelp `doc/relp.md`): `TXNR SP COMMAND SP DATALEN [SP DATA] LF`. What both sides write and know. */
import { Buffer } from 'node:buffer'

/** Commands that this side knows; `other` is any other word. */
export const RelpCommand = { other: 0, open: 1, syslog: 2, close: 3, rsp: 4, serverclose: 5 } as const
export type RelpCommand = (typeof RelpCommand)[keyof typeof RelpCommand]

/** After it comes 1; 0 is for hints, which are never answered. */
export const TXNR_MAX = 999_999_999
/** Longest data that version 1 of the protocol allows. */
export const DATA_MAX = 131_072
/** What we call ourselves in offers. */
const SOFTWARE = 'logweir'
/** Versions that are spoken: librelp offers 0, the document names 1. */
const VERSION_MAX = 1

/** `txnr command data` as a frame. For what is rare: opening and closing. */
export function relpFrame(txnr: number, command: string, data: string): Buffer {
  const length = Buffer.byteLength(data)
  return Buffer.from(length === 0 ? `${txnr} ${command} 0\n` : `${txnr} ${command} ${length} ${data}\n`)
}

/** The transaction number after `txnr`. */
export function nextTxnr(txnr: number): number {
  return txnr >= TXNR_MAX ? 1 : txnr + 1
}

/** What a client offers when it opens a session. */
export function clientOffers(): string {
  return `relp_version=0\nrelp_software=${SOFTWARE}\ncommands=syslog`
}

/** The data of the answer to `open`: 200 with what both sides have, or 500 with the reason. */
export interface OpenAnswer {
  readonly accepted: boolean
  readonly data: string
}

/** What a server answers to these offers. */
export function answerOffers(offered: string): OpenAnswer {
  const offers = readOffers(offered)
  const version = offers.get('relp_version')
  const number = version !== undefined && /^\d{1,9}$/.test(version) ? Number(version) : undefined
  if (number === undefined) return { accepted: false, data: '500 relp_version is not offered' }
  const commands = offers.get('commands')
  if (commands !== undefined && !commands.split(',').some((command) => command.trim() === 'syslog'))
    return { accepted: false, data: '500 command syslog is not offered' }
  const spoken = Math.min(number, VERSION_MAX)
  return {
    accepted: true,
    data: `200 OK\nrelp_version=${spoken}\nrelp_software=${SOFTWARE}\ncommands=syslog`,
  }
}

/** Why a server's answer to our `open` cannot be worked with, in words; null when it can. */
export function openObjection(answer: string): string | null {
  const code = answer.slice(0, 3)
  if (code !== '200') return `the receiver refused the session: ${firstLine(answer)}`
  const offers = readOffers(answer.slice(answer.indexOf('\n') + 1))
  if (!offers.has('relp_version')) return 'the receiver’s answer to `open` names no relp_version'
  const commands = offers.get('commands')
  if (commands !== undefined && !commands.split(',').some((command) => command.trim() === 'syslog'))
    return 'the receiver does not take the command syslog'
  return null
}

/** The first line of what a peer said, for errors: short, printable. */
export function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] ?? ''
  return line.slice(0, 200).replace(/[^\x20-\x7e]/g, '?')
}

/** `name=value` a line; a name without a value has an empty one. The first of a name counts. */
function readOffers(text: string): ReadonlyMap<string, string> {
  const offers = new Map<string, string>()
  for (const line of text.split('\n', 64)) {
    const at = line.indexOf('=')
    const name = (at === -1 ? line : line.slice(0, at)).trim()
    if (name !== '' && !offers.has(name)) offers.set(name, at === -1 ? '' : line.slice(at + 1).trim())
  }
  return offers
}

const OK = Buffer.from(' rsp 6 200 OK\n')
const UNKNOWN = Buffer.from(' rsp 25 500 command not supported\n')

/** The most bytes that {@link writeAnswer} writes. */
export const ANSWER_BYTES = 9 + UNKNOWN.length

/** Writes `200 OK` for a transaction, or 500 for one whose number is below 0; gives the offset behind it. */
export function writeAnswer(target: Buffer, at: number, txnr: number): number {
  const answer = txnr < 0 ? UNKNOWN : OK
  const end = writeNumber(target, at, Math.abs(txnr))
  return end + answer.copy(target, end)
}

/** Writes a whole number in decimal; gives the offset behind it. */
export function writeNumber(target: Buffer, at: number, value: number): number {
  let digits = 1
  for (let bound = 10; bound <= value; bound *= 10) digits += 1
  const end = at + digits
  let rest = value
  for (let i = end - 1; i >= at; i--) {
    const tens = Math.trunc(rest / 10)
    target[i] = 48 + (rest - tens * 10)
    rest = tens
  }
  return end
}

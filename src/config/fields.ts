/**
 * Building blocks of the schemas: texts that become quantities, addresses and names, and mappings that know their keys.
 *
 * Messages travel through zod as one text: a tab parts the message from its hint, and of unknown keys each has a line.
 * `pieces.ts` takes them apart.
 */
import { z } from 'zod'
import { parseNetwork } from './addresses.ts'
import { meant } from './nearest.ts'
import {
  DURATION_OR_OFF_PATTERN,
  DURATION_PATTERN,
  durationText,
  parseDuration,
  parseSize,
  type Quantity,
  quoted,
  SIZE_PATTERN,
  sizeText,
} from './quantities.ts'

/** What is said of things that Logweir will know by this name, and this version cannot do. */
export const NOT_YET = 'is not supported by this version yet'

/** A message with its hint, for `ctx.addIssue` and `error`. */
export function say(message: string, hint = ''): string {
  return hint === '' ? message : `${message}\t${hint}`
}

export interface TableWords {
  /** Keys of later versions, refused by name. */
  readonly later?: readonly string[]
  /** Keys that belong somewhere else, with where. */
  readonly elsewhere?: Readonly<Record<string, string>>
}

/** A mapping with exactly these keys; unknown ones are named, with the nearest known one. */
export function table<Shape extends z.ZodRawShape>(
  shape: Shape,
  words: TableWords = {},
): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined
      return issue.keys.map((key) => unknownKey(key, known, words)).join('\n')
    },
  })
}

/** What to say of a key that a mapping does not have. */
export function unknownKey(key: string, known: readonly string[], words: TableWords): string {
  if (words.later?.includes(key) === true) return say(`\`${key}\` ${NOT_YET}`, 'remove it')
  const elsewhere = Object.hasOwn(words.elsewhere ?? {}, key) ? words.elsewhere?.[key] : undefined
  if (elsewhere !== undefined) return say(`\`${key}\` does not belong here`, elsewhere)
  const joined = known.find((one) => key.startsWith(`${one}:`))
  if (joined !== undefined)
    return say(`no blank behind the colon of \`${joined}:\``, `write \`${joined}: …\``)
  return say(`unknown key ${quoted(key)}`, meant(key, [...known, ...(words.later ?? [])], 'known keys:'))
}

interface Bounds {
  readonly min?: number
  readonly max?: number
}

type QuantitySchema = z.ZodPipe<z.ZodString, z.ZodTransform<number, string>>

/** Bytes. */
export function size(bounds: Bounds = {}): QuantitySchema {
  return quantity(parseSize, sizeText, 'a size', '64KiB', bounds).meta({ pattern: SIZE_PATTERN })
}

/** Milliseconds. */
export function duration(bounds: Bounds = {}): QuantitySchema {
  return quantity(parseDuration, durationText, 'a time', '30s', bounds).meta({ pattern: DURATION_PATTERN })
}

/** Milliseconds, or null for `off`. */
export function durationOrOff(
  bounds: Bounds = {},
): z.ZodPipe<z.ZodString, z.ZodTransform<number | null, string>> {
  return quantityText('a time', '30s` or `off')
    .transform((text, ctx) =>
      text === 'off' ? null : settle(parseDuration(text), durationText, bounds, ctx),
    )
    .meta({ pattern: DURATION_OR_OFF_PATTERN })
}

/** Without the `u` flag, since editors read JSON Schema patterns without it. */
const PRINTABLE = new RegExp(String.raw`^[^\u0000-\u001f\u007f-\u009f]*$`)

/** One line of text without control characters, at most `max` characters. */
export function text(max = 256): z.ZodString {
  return z
    .string()
    .min(1, say('must not be empty'))
    .max(max, say(`is longer than ${max} characters`))
    .regex(PRINTABLE, say('holds control characters', 'write it on one line, without tabs'))
}

/** Names of tenants, forwarders, listeners and sources: they become file names and metric labels. */
export function name(): z.ZodString {
  return z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      say('is not a name', 'use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit'),
    )
}

/** A path as written; the reader makes it absolute. */
export function path(): z.ZodString {
  return z
    .string()
    .min(1, say('must not be empty'))
    .max(4096, say('is longer than any path'))
    .refine((value) => !value.includes('\u0000'), say('holds a NUL'))
}

/** A whole number between two. */
export function count(min: number, max: number): z.ZodInt {
  return z
    .int()
    .min(min, say(`must be at least ${min}`))
    .max(max, say(`must be at most ${max}`))
}

/** CIDR ranges in canonical form. Host bits are cleared without a word here: `checks` warns. */
export function network(): z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> {
  return z.string().transform((value, ctx) => {
    const parsed = parseNetwork(value)
    if (parsed !== undefined) return parsed.text
    return refuse(
      ctx,
      say(`${quoted(value)} is not an address or network`, 'write for example 10.0.0.0/8 or 2001:db8::/32'),
    )
  })
}

/** RFC 5425 §4.2.2 in upper case: `sha-256:AA:BB:…`. */
export function fingerprint(): z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> {
  const pattern = '^[sS][hH][aA]-?256:[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$'
  return z
    .string()
    .transform((value, ctx) => {
      const match = /^sha-?256:([0-9a-f:]{64,95})$/i.exec(value)
      const hex = (match?.[1] ?? '').replaceAll(':', '').toUpperCase()
      if (hex.length === 64) return `sha-256:${(hex.match(/../g) ?? []).join(':')}`
      const hint = /^(sha-?1|md5):/i.test(value)
        ? 'only SHA-256 is believed'
        : 'write sha-256: and 32 pairs of hex digits'
      return refuse(
        ctx,
        say(
          'is not a SHA-256 fingerprint',
          `${hint}; \`openssl x509 -noout -fingerprint -sha256\` prints it`,
        ),
      )
    })
    .meta({ pattern })
}

/** Adds an issue and gives zod's "no value". */
export function refuse(ctx: z.core.$RefinementCtx, message: string): never {
  ctx.addIssue({ code: 'custom', message })
  return z.NEVER
}

function quantityText(what: string, example: string): z.ZodString {
  return z.string({
    error: (issue) => {
      if (typeof issue.input !== 'number') return undefined
      return say(`${what} needs its unit, ${issue.input} has none`, `write for example \`${example}\``)
    },
  })
}

function quantity(
  parse: (text: string) => Quantity,
  write: (value: number) => string,
  what: string,
  example: string,
  bounds: Bounds,
): QuantitySchema {
  return quantityText(what, example).transform((value, ctx) => settle(parse(value), write, bounds, ctx))
}

function settle(
  parsed: Quantity,
  write: (value: number) => string,
  bounds: Bounds,
  ctx: z.core.$RefinementCtx,
): number {
  if ('problem' in parsed) return refuse(ctx, say(parsed.problem, parsed.hint))
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = bounds
  if (parsed.value < min) return refuse(ctx, say(`must be at least ${write(min)}`))
  if (parsed.value > max) return refuse(ctx, say(`must be at most ${write(max)}`))
  return parsed.value
}

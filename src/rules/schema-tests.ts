/** The schema of rule tests, `*.test.yaml`. */
import { z } from 'zod'
import { path, refuse, say, table, text } from '../config/fields.ts'
import { quoted } from '../config/quantities.ts'
import { source } from '../config/settings-schema.ts'

/** Tests of one file. */
const TESTS_MAX = 10_000
/** Characters of one event: no listener takes a longer one. */
const EVENT_MAX = 16 * 2 ** 20

const eventText = z.string().max(EVENT_MAX, say('is longer than any event'))

const oneOrMany = z.union([z.string(), z.array(z.string()).min(1)], {
  error: 'expected text or a list of texts',
})

const sent = table({
  contains: oneOrMany.optional().describe('Texts that must be in it.'),
  lacks: oneOrMany.optional().describe('Texts that must not be in it.'),
  json: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('It is a JSON object with these values; other keys may stand beside them.'),
})

const LINES = /^[1-9][0-9]{0,8}(-[1-9][0-9]{0,8})?$/

const lineRange = z
  .union([z.int().min(1), z.string()], { error: 'expected a line number or a range' })
  .transform((value, ctx): readonly [number, number] => {
    const words = String(value)
    const [from = 0, to = from] = words.split('-').map(Number)
    if (LINES.test(words) && from <= to) return [from, to]
    return refuse(ctx, say(`${quoted(words)} is no range of lines`, 'write for example 3 or "3-7"'))
  })

const nothing = (schema: z.ZodString): z.ZodNullable<z.ZodString> => schema.nullable()

export const expectation = table({
  stream: text(64).optional().describe('How it is recognised; `other` where nothing does.'),
  header: z.enum(['rfc5424', 'rfc3164', 'rfc3339', 'none']).optional().describe('Form of its header.'),
  valid: z.boolean().optional().describe('Whether it keeps to its standard’s grammar.'),
  label: nothing(text(1024)).optional().describe('The label as it stands there; null: none.'),
  tenant: nothing(text(64)).optional().describe('Whose it is; null: nobody’s.'),
  reason: text(64)
    .optional()
    .describe('What it was known by (label, literal, project, …), or why it is nobody’s (no_label, …).'),
  fields: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Fields of the event’s JSON, nested or dotted; null: absent.'),
  forwarders: z
    .array(text(256))
    .optional()
    .describe('Exactly those that get it, as tenant/name; provider/name for the provider’s.'),
  sends: z
    .record(text(256), z.union([z.string(), sent], { error: 'expected text or a mapping' }))
    .optional()
    .describe('What forwarders write of it, without framing: the whole text, or what it holds.'),
})

export const ruleTest = table({
  name: text(256).describe('What it shows.'),
  event: z
    .union([eventText, z.array(eventText).min(1).max(10_000)], {
      error: 'expected an event, or a list of events',
    })
    .optional()
    .describe('The event as it comes, without framing; of a list each must do as expected.'),
  events_file: path().optional().describe('Or a file of events, one a line, relative to this file.'),
  lines: z
    .union([lineRange, z.array(lineRange).min(1).max(10_000)], { error: 'expected a line number or a range' })
    .optional()
    .describe('Of `events_file`: only these lines, as 3, "3-7" or a list. Left out: all.'),
  source: text(64).optional().describe('As if sent by this source.'),
  peer: text(64)
    .optional()
    .describe('As if sent by this address. Without both: by one that may send everything.'),
  received: text(64)
    .optional()
    .describe('When it came, as 2026-01-02T03:04:05Z, for times without a year. Left out: now.'),
  expect: expectation.describe('What must become of it. What is left out is not looked at.'),
})

/** A file of tests. */
export const testsFile = table({
  version: z
    .int()
    .refine((value) => value === 1, say('only version 1 is known', 'write `version: 1`'))
    .optional()
    .meta({ enum: [1], description: 'Version of this file’s form.' }),
  rules: path()
    .optional()
    .describe(
      'Folder of the rules that are tested, relative to this file. Left out: those of the configuration.',
    ),
  sources: z
    .array(source)
    .optional()
    .describe('With `rules`: the sources that there are. Left out: everybody may send everything.'),
  tests: z.array(ruleTest).max(TESTS_MAX).describe('Events, and what must become of them.'),
})

/** Parts of a file that are read one by one. */
export const testsParts = testsFile.shape

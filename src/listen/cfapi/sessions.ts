/**
 * Log-in for clients that want it: `POST /api/v1/sessions` gives a session id, which later requests bring along. An id
 * carries its user and end and is sealed with a key made of the users' passwords, so all workers know it, nothing is
 * kept for it, and a changed password ends it. Its end is a time of the machine's monotonic clock, which says nothing in
 * another boot, nor on another machine: there the id is over.
 */
import { Buffer } from 'node:buffer'
import { createHmac, createHash, scryptSync, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import type { CfapiSessions } from '../../config/types.ts'

const MAC_BYTES = 24
/** 6 bytes of time, 2 of the user's place, 4 of the boot. */
const HEAD_BYTES = 12
const BOOT_AT = 8
const TEXT_MAX = 128

export type Verdict = 'good' | 'wrong' | 'expired'

export class Sessions {
  readonly #settings: CfapiSessions
  readonly #key: Buffer
  readonly #clock: Clock
  /** What makes the thread's monotonic time the machine's, which all workers have and which outlives them. */
  readonly #offset: number
  readonly #boot: Buffer

  /** `boot`: what the boot is known by. */
  constructor(settings: CfapiSessions, clock: Clock, boot = bootId()) {
    this.#settings = settings
    this.#clock = clock
    this.#offset = Number(process.hrtime.bigint() / 1_000_000n) - clock.monotonic()
    this.#boot = createHash('sha256')
      .update(boot)
      .digest()
      .subarray(0, HEAD_BYTES - BOOT_AT)
    const secret = JSON.stringify(settings.users.map(({ name, password }) => [name, password]))
    // Slow on purpose: an id that was overheard must not give the password away.
    this.#key = scryptSync(secret, 'logweir cfapi sessions', 32)
  }

  get required(): boolean {
    return this.#settings.required
  }

  /** The id of a new session and how long it lasts in seconds; undefined: wrong name or password. */
  logIn(name: unknown, password: unknown): { id: string; user: string; ttl: number } | undefined {
    if (typeof name !== 'string' || typeof password !== 'string') return undefined
    let place = -1
    for (const [index, user] of this.#settings.users.entries()) {
      // All are compared, and as digests: time tells nothing of either.
      const same_name = sameText(user.name, name)
      const same_password = sameText(user.password, password)
      if (same_name && same_password) place = index
    }
    if (place < 0) return undefined
    const head = Buffer.alloc(HEAD_BYTES)
    head.writeUIntBE(Math.floor(this.#now() + this.#settings.ttl), 0, 6)
    head.writeUInt16BE(place, 6)
    this.#boot.copy(head, BOOT_AT)
    const id = Buffer.concat([head, this.#seal(head)]).toString('base64url')
    return { id, user: name, ttl: Math.floor(this.#settings.ttl / 1000) }
  }

  /** Judges the value of an `Authorization` header. */
  judge(authorization: string): Verdict {
    const match = /^Bearer +([A-Za-z0-9_-]{1,128})$/i.exec(authorization.slice(0, TEXT_MAX + 16))
    const bytes = Buffer.from(match?.[1] ?? '', 'base64url')
    if (bytes.length !== HEAD_BYTES + MAC_BYTES) return 'wrong'
    const head = bytes.subarray(0, HEAD_BYTES)
    if (!timingSafeEqual(bytes.subarray(HEAD_BYTES), this.#seal(head))) return 'wrong'
    if (!head.subarray(BOOT_AT).equals(this.#boot)) return 'expired'
    return head.readUIntBE(0, 6) > this.#now() ? 'good' : 'expired'
  }

  #now(): number {
    return this.#clock.monotonic() + this.#offset
  }

  #seal(head: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(head).digest().subarray(0, MAC_BYTES)
  }
}

/** Empty where the system does not tell: then sessions of another boot end with their time only. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return ''
  }
}

function sameText(ours: string, theirs: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(ours), digest(theirs))
}

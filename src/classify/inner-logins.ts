/**
 * Logins of an ESXi host: what OpenSSH, the shells and hostd write. Names are whatever somebody typed at a login prompt: they
 * are read between fixed words, the last ` from ` counting, and are good for searching only.
 */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { Esxi } from './inner-slots.ts'
import { addInner, byteAt, findLastText, findText, setInner, setWord, startsAt } from './inner-spans.ts'
import { digitsEnd } from './time-scan.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
const AT = 0x40
const bytes = (text: string): Buffer => Buffer.from(text)

const FROM = bytes(' from ')
const FOR = bytes(' for ')
const PORT = bytes(' port ')
const INVALID = bytes('invalid user ')
const ACCEPTED = bytes('Accepted ')
const FAILED = bytes('Failed ')
const INVALID_USER = bytes('Invalid user ')
const PAM_FAILURE = bytes('error: PAM: Authentication failure for ')
const PAM_SESSION = bytes(':session): ')
const SESSION_OPENED = bytes('session opened for user ')
const SESSION_CLOSED = bytes('session closed for user ')
const OPENED_FOR = bytes("Session opened for '")
const CLOSED_FOR = bytes("Session closed for '")
const CONNECTION = bytes('Connection from ')
const DISCONNECTED = bytes('Disconnected from user ')
const SHELL_STARTED = bytes('Interactive shell session started')
const SHELL_ENDED = bytes('Interactive shell session ended')
const USER = bytes('User ')
const LOGGED_IN = bytes(' logged in as ')
const LOGGED_OUT = bytes(' logged out')
const CANNOT = bytes('Cannot login ')
const SEPARATOR = bytes(' : ')
/** How far into a message these words are looked for. */
const LOOK = 512

/** Sets `login`, `method`, `user`, `source_ip` and `source_port` where the text from `p` on is about a login. */
export function readLogin(view: EventView, p: number, message_end: number): void {
  const { buf } = view
  const end = Math.min(message_end, p + LOOK)
  switch (buf[p]) {
    case 0x41:
      if (startsAt(buf, p, end, ACCEPTED)) readAttempt(view, p + ACCEPTED.length, end, 'accepted')
      return
    case 0x46:
      if (startsAt(buf, p, end, FAILED)) readAttempt(view, p + FAILED.length, end, 'failed')
      return
    case 0x49:
      readInteractive(view, p, end)
      return
    case 0x65:
      if (startsAt(buf, p, end, PAM_FAILURE)) readPeer(view, p + PAM_FAILURE.length, end, 'failed')
      return
    case 0x53:
      readQuoted(view, p, end)
      return
    case 0x43:
      readCannot(view, p, end)
      if (startsAt(buf, p, end, CONNECTION)) readAddress(view, p + CONNECTION.length, end)
      return
    case 0x44:
      if (startsAt(buf, p, end, DISCONNECTED)) readDisconnected(view, p + DISCONNECTED.length, end)
      return
    case 0x45:
      readHostEvent(view, p, end)
      return
    case 0x70:
      readSession(view, p, end)
      return
    default:
      return
  }
}

type Outcome = 'accepted' | 'failed' | 'opened' | 'closed'

/** `password for [invalid user ]NAME from ADDRESS port N ssh2`. */
function readAttempt(view: EventView, method: number, end: number, outcome: Outcome): void {
  const { buf } = view
  const user = findText(buf, method, end, FOR)
  if (user < 0) return
  setInner(view, Esxi.method, method, user)
  const name = user + FOR.length
  readPeer(view, startsAt(buf, name, end, INVALID) ? name + INVALID.length : name, end, outcome)
}

/** `NAME from ADDRESS [port N]`. */
function readPeer(view: EventView, name: number, end: number, outcome: Outcome): void {
  const { buf } = view
  const from = findLastText(buf, name, end, FROM)
  setWord(view, Esxi.login, outcome)
  if (from < 0) return
  setInner(view, Esxi.user, name, from)
  readAddress(view, from + FROM.length, end)
}

function readAddress(view: EventView, p: number, end: number): void {
  const { buf } = view
  const stop = byteAt(buf, p, end, SPACE)
  if (stop === p) return
  setInner(view, Esxi.source_ip, p, stop)
  if (!startsAt(buf, stop, end, PORT)) return
  const digits = stop + PORT.length
  const last = digitsEnd(buf, digits, end)
  if (last > digits) setInner(view, Esxi.source_port, digits, last)
}

function readInteractive(view: EventView, p: number, end: number): void {
  const { buf } = view
  if (startsAt(buf, p, end, INVALID_USER)) readPeer(view, p + INVALID_USER.length, end, 'failed')
  else if (startsAt(buf, p, end, SHELL_STARTED)) setWord(view, Esxi.login, 'opened')
  else if (startsAt(buf, p, end, SHELL_ENDED)) setWord(view, Esxi.login, 'closed')
}

/** `Session opened for 'root' on /dev/char/pty/t0`. */
function readQuoted(view: EventView, p: number, end: number): void {
  const { buf } = view
  const opened = startsAt(buf, p, end, OPENED_FOR)
  if (!opened && !startsAt(buf, p, end, CLOSED_FOR)) return
  const name = p + OPENED_FOR.length
  setWord(view, Esxi.login, opened ? 'opened' : 'closed')
  addInner(view, Esxi.user, name, byteAt(buf, name, end, 0x27))
}

/** `pam_unix(sshd:session): session opened for user root by (uid=0)`. */
function readSession(view: EventView, p: number, end: number): void {
  const { buf } = view
  const close = findText(buf, p, end, PAM_SESSION)
  if (close < 0) return
  const at = close + PAM_SESSION.length
  const opened = startsAt(buf, at, end, SESSION_OPENED)
  if (!opened && !startsAt(buf, at, end, SESSION_CLOSED)) return
  const name = at + SESSION_OPENED.length
  setWord(view, Esxi.login, opened ? 'opened' : 'closed')
  addInner(view, Esxi.user, name, byteAt(buf, name, end, SPACE))
}

/** `Disconnected from user root 192.0.2.7 port 50022`. */
function readDisconnected(view: EventView, p: number, end: number): void {
  const stop = byteAt(view.buf, p, end, SPACE)
  setInner(view, Esxi.user, p, stop)
  setWord(view, Esxi.login, 'closed')
  readAddress(view, skipBlanks(view.buf, stop, end), end)
}

/** hostd's `Event 12 : User root@192.0.2.7 logged in as …`, `Event 13 : Cannot login root@192.0.2.7`. */
function readHostEvent(view: EventView, p: number, end: number): void {
  const { buf } = view
  const separator = findText(buf, p, end, SEPARATOR)
  if (separator < 0) return
  const text = separator + SEPARATOR.length
  readCannot(view, text, end)
  if (!startsAt(buf, text, end, USER)) return
  const inside = findText(buf, text, end, LOGGED_IN)
  const stop = inside < 0 ? findText(buf, text, end, LOGGED_OUT) : inside
  if (stop < 0) return
  setWord(view, Esxi.login, inside < 0 ? 'closed' : 'accepted')
  readUserAt(view, text + USER.length, stop)
}

function readCannot(view: EventView, p: number, end: number): void {
  const { buf } = view
  if (!startsAt(buf, p, end, CANNOT)) return
  setWord(view, Esxi.login, 'failed')
  readUserAt(view, p + CANNOT.length, byteAt(buf, p + CANNOT.length, end, SPACE))
}

/** `root@192.0.2.7`: the address stands behind the last `@`. */
function readUserAt(view: EventView, start: number, end: number): void {
  const { buf } = view
  let at = end - 1
  while (at > start && buf[at] !== AT) at -= 1
  if (at <= start) {
    setInner(view, Esxi.user, start, end)
    return
  }
  setInner(view, Esxi.user, start, at)
  // The name may end in a full stop.
  const stop = buf[end - 1] === 0x2e ? end - 1 : end
  if (stop > at + 1) setInner(view, Esxi.source_ip, at + 1, stop)
}

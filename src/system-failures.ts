/** Failures of the operating system as sentences: they are about the user's files and disks, not about this program. */

/** `noun` is what was read: "file", "image". */
type Reading = (noun: string) => string
/** What happened and how to mend it; where it differs, what that means for somebody who writes or reads. */
interface Failure {
  what: string
  fix: string
  writing?: string
  reading?: Reading
}

const SPACE = "Free space or choose another folder, then run it again."
const ACCESS = "Choose another folder, or give this user the right to write here."
const PATH = "Check the path, then run it again."

const noPermission: Failure = {
  what: "no permission",
  fix: ACCESS,
  writing: "no permission to write here",
  reading: (noun) => `no permission to read ${noun === "file" ? "it" : `the ${noun}`}`,
}
const missing: Reading = (noun) => `there is no such ${noun}`
const its = (noun: string): string => (noun === "file" ? "its" : `the ${noun}'s`)
const busy = { what: "another program keeps this file busy", fix: "End that program, then run it again." }
const noDevice = { what: "there is no such device", fix: PATH }

/** Every failure that is the machine's or the user's affair. */
const FAILURES: Record<string, Failure> = {
  ENOSPC: { what: "the disk is full", fix: SPACE },
  EDQUOT: { what: "the disk quota is used up", fix: SPACE },
  EFBIG: {
    what: "the file would be larger than the system allows",
    fix: "Raise the limit (`ulimit -f`) or choose another folder.",
  },
  EACCES: noPermission,
  EPERM: noPermission,
  EROFS: { what: "the file system is read-only", fix: ACCESS },
  EIO: {
    what: "the disk or the device reports an input/output error",
    fix: "Check the disk, or choose a folder on another one.",
  },
  ESTALE: { what: "the network drive has lost this file", fix: "Mount the drive again, then run it again." },
  ETIMEDOUT: { what: "the disk or the network did not answer", fix: "Check the drive, then run it again." },
  EBUSY: busy,
  ETXTBSY: busy,
  EMFILE: { what: "too many files are open", fix: "Raise the limit (`ulimit -n`), then run it again." },
  ENFILE: { what: "too many files are open on this machine", fix: "End other programs, then run it again." },
  EISDIR: { what: "there is a folder where a file should be", fix: PATH, reading: () => "it is a folder" },
  ENOTDIR: { what: "there is a file where a folder should be", fix: PATH, reading: missing },
  EEXIST: { what: "something of this name is in the way", fix: PATH },
  ENOTEMPTY: { what: "the folder is not empty", fix: PATH },
  ENOENT: { what: "there is no such file or folder", fix: PATH, reading: missing },
  ENODEV: noDevice,
  ENXIO: noDevice,
  ELOOP: {
    what: "the symbolic links go round in a circle",
    fix: PATH,
    reading: (noun) => `${its(noun)} symbolic links go round in a circle`,
  },
  ENAMETOOLONG: {
    what: "the name is too long for the file system",
    fix: PATH,
    reading: (noun) => `${its(noun)} name is too long`,
  },
  // Node's own check, before the system is asked.
  ERR_INVALID_ARG_VALUE: {
    what: "its name holds a null character",
    fix: PATH,
    reading: (noun) => `${its(noun)} name holds a null character`,
  },
}

function failureOf(error: unknown): Failure | undefined {
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException
  if (code === undefined || (code === "ERR_INVALID_ARG_VALUE" && !message.includes("null bytes"))) return undefined
  return Object.hasOwn(FAILURES, code) ? FAILURES[code] : undefined
}

/** What happened to somebody who writes files, and how to mend it; undefined for every other error. */
export function writingFailure(error: unknown): { what: string; fix: string } | undefined {
  const failure = failureOf(error)
  return failure && { what: failure.writing ?? failure.what, fix: failure.fix }
}

/** Why a file could not be opened or read, in a few words. */
export function readingFailure(error: unknown, noun = "file"): string {
  const failure = failureOf(error)
  if (failure) return failure.reading?.(noun) ?? failure.what
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === undefined ? "the system gives no reason" : `the system says ${code}`
}

/** The sentence for an error that Node passes on from the operating system; undefined for every other value. */
export function systemFailure(error: unknown): string | undefined {
  const { syscall } = (error ?? {}) as NodeJS.ErrnoException
  return syscall === undefined ? undefined : failureOf(error)?.what
}

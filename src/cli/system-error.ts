/** Failures of the operating system as sentences: they are about the user's files and disks, not about this program. */

const SENTENCES: Record<string, string> = {
  EACCES: "no permission",
  EBUSY: "it is in use",
  EDQUOT: "the disk quota is used up",
  EEXIST: "it exists already",
  EFBIG: "the file system cannot hold a file this large",
  EIO: "the disk or the device failed",
  EISDIR: "it is a folder, not a file",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long",
  ENFILE: "too many files are open on this machine",
  ENODEV: "there is no such device",
  ENOENT: "there is no such file or folder",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENOTEMPTY: "the folder is not empty",
  ENXIO: "there is no such device",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
  ESTALE: "the network folder it lies in has changed",
  ETIMEDOUT: "the disk or the network did not answer",
  ETXTBSY: "it is in use",
}

/** The sentence for an error that Node passes on from the operating system; undefined for every other value. */
export function describeSystemError(error: unknown): string | undefined {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
  return code === undefined || syscall === undefined ? undefined : SENTENCES[code]
}

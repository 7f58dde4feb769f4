/** Failures of the operating system: one table for writing, reading and all else. */

import { describe, expect, it } from "vitest"
import { readingFailure, systemFailure, writingFailure } from "./system-failures.js"

const failure = (code: string, message = code) => Object.assign(new Error(message), { code, syscall: "open" })

describe("failures of the system", () => {
  it.each([
    [
      "EACCES",
      "no permission",
      "no permission to write here",
      "no permission to read it",
      "no permission to read the image",
    ],
    [
      "ENOENT",
      "there is no such file or folder",
      "there is no such file or folder",
      "there is no such file",
      "there is no such image",
    ],
    [
      "EISDIR",
      "there is a folder where a file should be",
      "there is a folder where a file should be",
      "it is a folder",
      "it is a folder",
    ],
    [
      "ENAMETOOLONG",
      "the name is too long for the file system",
      "the name is too long for the file system",
      "its name is too long",
      "the image's name is too long",
    ],
    [
      "EROFS",
      "the file system is read-only",
      "the file system is read-only",
      "the file system is read-only",
      "the file system is read-only",
    ],
  ])("%s", (code, plain, writing, reading, image) => {
    expect(systemFailure(failure(code))).toBe(plain)
    expect(writingFailure(failure(code))?.what).toBe(writing)
    expect(writingFailure(failure(code))?.fix).toMatch(/^[A-Z].*\.$/)
    expect(readingFailure(failure(code))).toBe(reading)
    expect(readingFailure(failure(code), "image")).toBe(image)
  })

  it("names with a null character are told from other wrong arguments", () => {
    const code = "ERR_INVALID_ARG_VALUE"
    expect(readingFailure(failure(code, "must be a string without null bytes"))).toBe("its name holds a null character")
    expect(writingFailure(failure(code, "must be a string without null bytes"))?.what).toBe(
      "its name holds a null character",
    )
    expect(writingFailure(failure(code, "must be one of"))).toBeUndefined()
  })

  it("what is no failure of the system stays what it is", () => {
    for (const other of [undefined, null, "x", new Error("a bug"), failure("constructor"), failure("ENEW")]) {
      expect(writingFailure(other)).toBeUndefined()
      expect(systemFailure(other)).toBeUndefined()
    }
    expect(systemFailure(Object.assign(new Error("x"), { code: "ENOENT" }))).toBeUndefined()
    expect(readingFailure(failure("ENEW"))).toBe("the system says ENEW")
    expect(readingFailure(new Error("a bug"))).toBe("the system gives no reason")
  })
})

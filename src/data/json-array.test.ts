import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { UserError } from "../errors.js"
import { JsonRecords } from "./json-array.js"
import { MalformedRecords, RecordScanner } from "./record-scanner.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-records-"))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const write = (text: string): string => {
  const path = join(folder, `data-${files++}.json`)
  writeFileSync(path, text)
  return path
}
const all = (records: JsonRecords): unknown[] => Array.from({ length: records.length }, (_, i) => records.read(i))

/** The records of `text`, scanned in pieces of the given sizes in turn. */
function scanned(text: string, pieces: readonly number[]): unknown[] {
  const bytes = Buffer.from(text)
  const scanner = new RecordScanner()
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = pieces[i % pieces.length]
    scanner.push(bytes.subarray(at, at + size))
    at += size
  }
  scanner.end()
  const { offsets } = scanner
  return Array.from({ length: offsets.length / 2 }, (_, i) =>
    JSON.parse(bytes.subarray(offsets[2 * i], offsets[2 * i + 1]).toString()),
  )
}

/** Records with everything that could mislead a scanner: quotes, backslashes, brackets, many-byte characters. */
const hostile = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom('"', "\\", "{", "}", "[", "]", ",", "\n", "é", "👍") }),
)
const record = fc.oneof(
  fc.dictionary(hostile, fc.oneof(hostile, fc.jsonValue({ maxDepth: 3 }), fc.array(hostile))),
  fc.array(hostile),
)

describe("RecordScanner", () => {
  it("finds what JSON.parse finds, wherever the pieces are cut", () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 5 }),
        fc.constantFrom(undefined, 1, "\t"),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
        (list, indent, pieces) => {
          const text = JSON.stringify(list, null, indent)
          expect(scanned(text, pieces)).toEqual(JSON.parse(text))
        },
      ),
      { numRuns: 300 },
    )
  })
  it("reads lines, with or without a last line break", () => {
    const object = fc.dictionary(hostile, hostile)
    fc.assert(
      fc.property(
        fc.array(object, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        (list, end, piece) => {
          const text = list.map((r) => JSON.stringify(r)).join("\r\n") + (end ? "\n" : "")
          expect(scanned(text, [piece])).toEqual(JSON.parse(JSON.stringify(list)))
        },
      ),
    )
  })
  it("never accepts as an array what JSON.parse refuses outside of records", () => {
    const token = fc.constantFrom("{}", '{"a":[1,"]"]}', ",", "[", "]", " ", "\n", "1", '"x"', "null", ":")
    fc.assert(
      fc.property(fc.array(token, { maxLength: 7 }), (tokens) => {
        const text = `[${tokens.join("")}`
        let expected: unknown[] | undefined
        try {
          const parsed = JSON.parse(text) as unknown[]
          if (parsed.every((r) => typeof r === "object" && r !== null)) expected = parsed
        } catch {}
        let found: unknown[] | undefined
        try {
          found = scanned(text, [3])
        } catch (error) {
          // Inside a record the brackets alone are followed; JSON.parse of the record sees the rest.
          if (!(error instanceof MalformedRecords || error instanceof SyntaxError)) throw error
        }
        expect(found).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })
  it("says at which byte the file goes wrong", () => {
    const error = (text: string): string => {
      try {
        scanned(text, [4])
      } catch (e) {
        expect(e).toBeInstanceOf(MalformedRecords)
        return (e as Error).message
      }
      return "no error"
    }
    expect(error("")).toMatch(/nothing in the file.* at byte 0/)
    expect(error(" \n ")).toMatch(/nothing in the file.* at byte 3/)
    expect(error("hello")).toMatch(/neither a JSON array nor JSONL at byte 0/)
    expect(error('[{"a": 1}, {"b": "')).toBe("the record that begins at byte 11 has no end at byte 18")
    expect(error('[{"a": 1},')).toMatch(/no closing bracket.* at byte 10/)
    expect(error('[{"a": 1} {}]')).toMatch(/comma.* at byte 10/)
    expect(error('[{"a": 1},, {}]')).toMatch(/something else than a record at byte 10/)
    expect(error('["a"]')).toMatch(/something else than a record at byte 1/)
    expect(error("[{},]")).toMatch(/something else than a record at byte 4/)
    expect(error("[{}] {}")).toMatch(/after the array at byte 5/)
    expect(error("{}\n{}\n,{}")).toMatch(/something else than a record at byte 6/)
    expect(error("{}\n[]")).toMatch(/something else than a record at byte 3/)
    expect(error("\ufeff[{}]")).toBe("no error")
  })
})

describe("JsonRecords", () => {
  const list = Array.from({ length: 40 }, (_, i) => ({ i, text: '\\"{[é'.repeat(15_000 + i) }))

  it("reads any record of an array and of lines, also across the borders of its reads", () => {
    const array = new JsonRecords(write(JSON.stringify(list)))
    const lines = new JsonRecords(write(list.map((r) => `${JSON.stringify(r)}\n`).join("")))
    expect(statSync(array.file).size).toBeGreaterThan(4 << 20)
    for (const records of [array, lines]) {
      expect(all(records)).toEqual(list)
      expect(records.read(37)).toEqual(list[37])
      for (const wrong of [-1, 40, 0.5, Number.NaN]) expect(() => records.read(wrong)).toThrow(RangeError)
      records.close()
    }
    expect(new JsonRecords(write("[]")).length).toBe(0)
  })

  it("keeps its index, and makes it anew when the file has changed", () => {
    const path = write(JSON.stringify(list))
    const index = join(folder, "data.index")
    expect(new JsonRecords(path, index).length).toBe(40)
    // A wrong index that claims to fit proves that it is used.
    const numbers = new BigUint64Array(new Uint8Array(readFileSync(index)).buffer)
    expect(numbers.length).toBe(5 + 80)
    const one = numbers.slice(0, 7)
    one[3] = 1n
    one[4] = createHash("sha256").update(new Uint8Array(one.buffer, 40)).digest().readBigUInt64LE()
    writeFileSync(index, new Uint8Array(one.buffer))
    expect(all(new JsonRecords(path, index))).toEqual([list[0]])
    for (const spoilt of [new Uint8Array(5), new Uint8Array(one.buffer).subarray(0, 40), new Uint8Array(64)]) {
      writeFileSync(index, spoilt)
      expect(new JsonRecords(path, index).read(39)).toEqual(list[39])
    }
    numbers[20] ^= 4n
    writeFileSync(index, new Uint8Array(numbers.buffer))
    expect(all(new JsonRecords(path, index)), "a flipped bit").toEqual(list)
    writeFileSync(path, "[{}, {}]")
    expect(new JsonRecords(path, index).length).toBe(2)
    writeFileSync(path, "[[],[{}]")
    utimesSync(path, 1, 1)
    expect(() => new JsonRecords(path, index)).toThrow(/no closing bracket/)
  })

  it("knows by the content hash that an index is of another file of the same size and time", () => {
    const path = write('[{"a": 1}, {}]')
    const index = join(folder, "content.index")
    const hash = (): string => createHash("sha256").update(readFileSync(path)).digest("hex")
    expect(new JsonRecords(path, index, hash()).length).toBe(2)
    const { atime, mtime } = statSync(path)
    writeFileSync(path, '[{}, {"a": 1}]')
    utimesSync(path, atime, mtime)
    expect(all(new JsonRecords(path, index, hash()))).toEqual([{}, { a: 1 }])
  })

  it("works where the index cannot be written", () => {
    expect(new JsonRecords(write("[{}]"), join(folder, "no", "such", "folder")).length).toBe(1)
  })

  it("says in words what is wrong", () => {
    const message = (path: string, read = false): string => {
      try {
        const records = new JsonRecords(path)
        if (read) records.read(1)
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
        return (error as UserError).format()
      }
      return "no error"
    }
    expect(message(join(folder, "nothing"))).toMatch(/nothing: the data file cannot be opened/)
    expect(message(folder)).toMatch(/this is not a file/)
    expect(message(write("[{}"))).toMatch(/data-\d+\.json: the array has no closing bracket.* at byte 3/)
    expect(message(write('[{}, {"a": tru}]'), true)).toMatch(
      /record 1 \(line 1, from byte 5\): the record is not JSON: "}" stands where it cannot\n/,
    )
    const loop = join(folder, "loop.json")
    symlinkSync(loop, loop)
    expect(message(loop)).toMatch(/links go round in a circle/)
  })

  it("names what is not JSON in UTF-8: the file, or the record and its line", () => {
    const fails = (content: string | Uint8Array, index?: number): string => {
      const path = join(folder, "encoded.json")
      writeFileSync(path, content)
      try {
        const records = new JsonRecords(path)
        if (index !== undefined) records.read(index)
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
        return (error as UserError).format().replace(path, "FILE")
      }
      return "no error"
    }
    const json = '[{"a": "\u00e9"}]'
    const wide = Buffer.from(json, "utf16le")
    expect(fails(Buffer.from(json, "latin1"), 0)).toBe(
      "FILE, record 0 (line 1, from byte 1): the record is not UTF-8: its byte 7 is 0xe9\n  save the file as UTF-8 (for example: iconv -f latin1 -t utf-8)",
    )
    expect(fails(Buffer.from('{"a": 1}\n\n{"\ufffd": "\u00e9\u00e9 ok"}\n', "latin1"), 1)).toMatch(
      /record 1 \(line 3, from byte 10\): the record is not UTF-8/,
    )
    // A real replacement character before the bad byte.
    expect(
      fails(Buffer.concat([Buffer.from('[{"\ufffd": "'), Buffer.from([0xc3, 0x28]), Buffer.from('"}]')]), 0),
    ).toMatch(/its byte 9 is 0xc3/)
    expect(fails(Buffer.concat([Buffer.from([0xff, 0xfe]), wide]))).toMatch(
      /^FILE: the file is UTF-16, not JSON in UTF-8/,
    )
    expect(fails(Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(wide).swap16()]))).toMatch(/UTF-16/)
    expect(fails(wide)).toMatch(/UTF-16/)
    expect(fails(Buffer.from(wide).swap16())).toMatch(/UTF-16/)
    expect(fails(Buffer.from([0x1f, 0x8b, 8, 0]))).toMatch(/is gzip, not JSON in UTF-8\n {2}decompress it/)
    expect(fails("PAR1...")).toMatch(/Parquet/)
    expect(fails(`\ufeff${json}`, 0)).toBe("no error")
    expect(fails('{"a": 1}\n{"a": \n{"a": 2}\n')).toMatch(/begins at byte 9 has no end at byte 25 \(line 2\)/)
    expect(fails("{}\n{}\nx")).toMatch(/something else than a record at byte 6 \(line 3\)/)
  })

  it("does not wait for a pipe, and takes no name with a NUL", () => {
    const pipe = join(folder, "pipe.json")
    execFileSync("mkfifo", [pipe])
    expect(() => new JsonRecords(pipe)).toThrow("this is not a file")
    expect(() => new JsonRecords("/dev/zero")).toThrow("this is not a file")
    expect(() => new JsonRecords("https://x.org/y.json")).toThrow("the data file is given as an https: URL")
    expect(() => new JsonRecords("a\0b")).toThrow("its name holds a null character")
  })

  it("reads records that nest deeply", () => {
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`
    expect(new JsonRecords(write(`[${deep}, {}]`)).read(1)).toEqual({})
  })
})

/** Trainings that are killed at any moment, started twice, or run out of disk: the end is that of an undisturbed one. */

import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stringify } from "yaml"
import { randomFrom } from "../../src/data/prng.js"
import { readMetrics } from "../../src/train/metrics.js"
import { needs, unix } from "../support/needs.js"
import { collect, program, type Result, start } from "../support/program.js"
import { type SmallData, smallTraining, writeSmallVlm } from "../support/small-vlm.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-crash-"))
const STEPS = 40
let small: SmallData
let whole: string
beforeAll(async () => {
  small = await writeSmallVlm(folder)
  whole = join(folder, "whole")
  expect(await start(folder, ["train", recipe("whole", { save_every: 10 })]).result).toMatchObject({ code: 0 })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A recipe whose output is the folder of that name. */
function recipe(name: string, train: object = {}): string {
  const file = join(folder, `${name}.yaml`)
  const keys = { max_steps: STEPS, save_every: 1, keep: 1, accumulate: 1, ...train }
  writeFileSync(file, stringify(smallTraining(small, join(folder, name), { train: keys })))
  return file
}

const weights = (output: string): Buffer => readFileSync(join(output, "model", "model.safetensors"))
const losses = (output: string): [number, number][] =>
  readMetrics(join(output, "metrics.jsonl")).map(({ step, loss }) => [step, loss])

function expectLikeUndisturbed(output: string): void {
  expect(weights(output).equals(weights(whole))).toBe(true)
  expect(losses(output)).toEqual(losses(whole))
  const left = readdirSync(output).filter((name) => /partial|lock|\.tmp/.test(name))
  expect(left).toEqual([])
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1)
}

describe("a training that is stopped", () => {
  it("by kill −9 at random moments and in the middle of saving, by Ctrl-C: goes on bit for bit", async () => {
    const output = join(folder, "killed")
    const args = ["train", recipe("killed")]
    const random = randomFrom(7)
    const steps = (): number => (existsSync(join(output, "metrics.jsonl")) ? losses(output).length : 0)
    const isSaving = (): boolean => readdirSync(output).some((name) => /^\.checkpoint-.*partial$/.test(name))
    let savingWhenKilled = 0
    for (let kills = 0; kills < 4 || (savingWhenKilled === 0 && kills < 10); kills++) {
      const before = steps()
      const { child, result } = start(folder, args)
      const ended = (): boolean => child.exitCode !== null
      await until(() => ended() || steps() > before)
      // Every second time one that is writing a checkpoint.
      if (kills % 2 === 0) await sleep(40 * random())
      else await until(() => ended() || isSaving())
      child.kill("SIGKILL")
      expect((await result).code, "killed before it ended").toBe(null)
      if (isSaving()) savingWhenKilled++
    }
    expect(savingWhenKilled).toBeGreaterThan(0)

    const before = steps()
    const { child, result } = start(folder, args)
    await until(() => child.exitCode !== null || steps() > before)
    child.kill("SIGINT")
    const stopped = await result
    expect([stopped.code, stopped.err]).toEqual([
      130,
      expect.stringMatching(/stopped at step \d+; the same command goes/),
    ])
    expect(existsSync(join(output, "model"))).toBe(false)

    const last = await start(folder, args).result
    expect(last).toMatchObject({ code: 0, err: expect.stringMatching(/going on at step \d+/) })
    expectLikeUndisturbed(output)
  }, 300_000)
})

describe("two at once", () => {
  it("the second says who writes; the folder is free when the first was stopped", async () => {
    const output = join(folder, "shared")
    const args = ["train", recipe("shared", { max_steps: 10_000, save_every: 10_000 })]
    const first = start(folder, args)
    await until(() => existsSync(join(output, "writer.lock")))
    const second = await start(folder, args).result
    expect(second.code).toBe(1)
    expect(second.err).toMatch(
      new RegExp(
        `error: ${output}: process ${first.child.pid} writes to this folder since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d`,
      ),
    )
    first.child.kill("SIGINT")
    expect((await first.result).code).toBe(130)
    expect(readdirSync(output)).not.toContain("writer.lock")
  })
})

describe("a full disk", () => {
  /** Runs the training in a file system of `size` KiB of its own, then again with room enough. */
  const inSmallDisk = (size: number, name: string): Promise<Result> => {
    const script = `
      mount -t tmpfs -o size=${size}k tmpfs "$0" || exit 77
      "$1" "$2" train "$3" --out "$0/out"; echo "code $?"; ls -A "$0/out"
      mount -o remount,size=64m "$0" || exit 77
      "$1" "$2" train "$3" --out "$0/out" >&2 && cp -r "$0/out" "$4"`
    const mountPoint = mkdtempSync(join(folder, "disk-"))
    const args = [
      "-c",
      script,
      mountPoint,
      process.execPath,
      program,
      recipe("disk", { save_every: 10 }),
      join(folder, name),
    ]
    return collect(spawn("unshare", ["--mount", "--map-root-user", "sh", ...args], { cwd: folder })).result
  }
  const canMount =
    spawnSync("unshare", ["--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", folder]).status === 0

  // The log, the first checkpoint, a later checkpoint.
  it.skipIf(!canMount).each([12, 400, 1000])(
    needs(canMount, "leave to mount a small file system").title(
      "of %i KiB is a sentence, and the training goes on when there is room",
    ),
    async (size) => {
      const output = join(folder, `full-${size}`)
      const { code, out, err } = await inSmallDisk(size, `full-${size}`)
      expect([code, err]).toEqual([0, expect.stringMatching(/^error: \S+\/out\/\S+: the disk is full$/m)])
      expect(err).not.toMatch(/internal|a bug|\n\s+at /)
      expect(out).toMatch(/^code 1$/m)
      expect(out).not.toMatch(/lock|partial/)
      if (size === 1000) expect(out).toMatch(/^checkpoint-\d+$/m)
      expectLikeUndisturbed(output)
    },
  )

  unix.it("or a limit on the size of files: a sentence for each kind of file", async () => {
    const output = join(folder, "limited")
    const args = ["train", recipe("limited", { save_every: 10 })]
    // Blocks are of 512 or 1,024 bytes, as the shell has it.
    for (const [blocks, saveEvery, file] of [
      [0, 1, "writer\\.lock"],
      [1, STEPS, "(metrics\\.jsonl|tensorboard/events.*)"],
      [16, 1, "checkpoint-1(/.*)?"],
    ]) {
      rmSync(output, { recursive: true, force: true })
      const all = [...args, "--set", `train.save_every=${saveEvery}`]
      const limited = spawn("sh", ["-c", `ulimit -f ${blocks} && exec "$@"`, "sh", process.execPath, program, ...all])
      const { code, err } = await collect(limited).result
      const sentence = `^error: ${output}/${file}: the file would be larger than the system allows$`
      expect([code, err]).toEqual([1, expect.stringMatching(new RegExp(sentence, "m"))])
    }
    expect(await start(folder, args).result).toMatchObject({ code: 0 })
    expectLikeUndisturbed(output)
  })
})

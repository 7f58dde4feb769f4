import { afterEach, describe, expect, it, vi } from "vitest"
import { describeSpin, spinSettings, withSpinPolicy } from "./spin.js"

const NAMES = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"]

describe("spinning", () => {
  afterEach(() => vi.unstubAllEnvs())
  const clear = () => {
    for (const name of NAMES) vi.stubEnv(name, undefined)
  }

  it("is short, unless the user chose otherwise in any of the variables", () => {
    expect(spinSettings({})).toEqual({ KMP_BLOCKTIME: "1" })
    expect(spinSettings({ OMP_NUM_THREADS: "2", KMP_BLOCKTIME: "" })).toEqual({ KMP_BLOCKTIME: "1" })
    for (const name of NAMES) expect(spinSettings({ [name]: "0" })).toEqual({})
    expect(describeSpin({ OMP_WAIT_POLICY: "ACTIVE" })).toBe("waiting threads do as OMP_WAIT_POLICY=ACTIVE says")
  })

  it("is set only while the library is loaded, whatever comes of it", () => {
    clear()
    process.env.KMP_BLOCKTIME = ""
    expect(withSpinPolicy(() => process.env.KMP_BLOCKTIME)).toBe("1")
    expect(process.env.KMP_BLOCKTIME).toBe("")
    delete process.env.KMP_BLOCKTIME
    expect(() =>
      withSpinPolicy(() => {
        throw new Error("not there")
      }),
    ).toThrow("not there")
    for (const name of NAMES) expect(name in process.env).toBe(false)
  })

  it("leaves a user's choice alone", () => {
    clear()
    process.env.OMP_WAIT_POLICY = "ACTIVE"
    withSpinPolicy(() => {
      expect(process.env.KMP_BLOCKTIME).toBeUndefined()
      expect(process.env.OMP_WAIT_POLICY).toBe("ACTIVE")
    })
    expect(process.env.OMP_WAIT_POLICY).toBe("ACTIVE")
  })
})

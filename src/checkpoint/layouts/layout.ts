/** What a layout is: a two-way map between the names on disk and the canonical names inside the program. */

/** `qwen2_5_vl`: as Qwen2.5-VL is published. `converted`: training input of DiffusionVL, three weight files.
 * `released`: trained DiffusionVL; its names are the canonical ones. */
export type LayoutName = "qwen2_5_vl" | "converted" | "released"

export interface Layout {
  name: LayoutName
  /** Canonical name of a stored one; undefined when the name does not belong to the layout. `file` is a base name. */
  toCanonical(name: string, file: string): string | undefined
  /** Stored name and, where the layout fixes it, the file it goes to. */
  fromCanonical(name: string): { name: string; file?: string }
}

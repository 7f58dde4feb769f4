/** How families are published: what config.json means where it records no paradigm. Facts of files; nothing here is decided by them. */

import type { ParadigmRecord } from "../checkpoint/paradigm-record.js"

export const AUTOREGRESSIVE: ParadigmRecord = { name: "autoregressive", options: {} }
export const FULL_DIFFUSION: ParadigmRecord = { name: "full-diffusion", options: {} }
export const BLOCK_DIFFUSION: ParadigmRecord = { name: "block-diffusion", options: {} }

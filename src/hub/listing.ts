/** What a model or a dataset consists of at a revision: its commit and its files with sizes and hashes. */
import { z } from "zod"
import { UserError } from "../errors.js"
import type { HubRepository } from "./cache.js"
import { type RequestOptions, requestText } from "./request.js"

export interface HubFile {
  /** Slash-separated path inside the repository. */
  path: string
  size: number
  /** Name of the blob in the cache: sha256 of large files, git's sha1 of small ones. */
  etag: string
  hash: "sha256" | "git-sha1"
}

const commitSchema = z.looseObject({ sha: z.string().regex(/^[0-9a-f]{40}$/) })
const treeSchema = z.array(
  z.looseObject({
    type: z.string(),
    path: z.string(),
    size: z.int().nonnegative(),
    oid: z.string(),
    lfs: z.looseObject({ oid: z.string(), size: z.int().nonnegative() }).nullish(),
  }),
)

/** Far more than any of them has: a listing beyond these is damaged, or means harm. */
const MAX_ANSWER_BYTES = 16e6
const MAX_PAGES = 200
const MAX_FILES = 100_000

/** Commit that the revision stands for now. */
export async function currentCommit(repository: HubRepository, options: RequestOptions): Promise<string> {
  const { id, revision, kind = "model" } = repository
  const url = `${options.settings.endpoint}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}`
  return (await readJson(url, commitSchema, options)).body.sha
}

/**
 * The files of a commit that the caller wants; the listing comes in pages.
 * @throws UserError for a listing without an end, or with names that would lie outside of the folder
 */
export async function listFiles(
  { id, kind = "model" }: HubRepository,
  commit: string,
  options: RequestOptions,
  wants: (path: string) => boolean,
): Promise<HubFile[]> {
  const files = new Map<string, HubFile>()
  const bad = (what: string) =>
    new UserError(what, { where: options.subject, fix: "This is not what a model hub gives: check HF_ENDPOINT." })
  let url: string | undefined = `${options.settings.endpoint}/api/${kind}s/${id}/tree/${commit}?recursive=true`
  for (let pages = 0; url; pages++) {
    if (pages === MAX_PAGES || files.size > MAX_FILES) throw bad(`the list of the ${kind}'s files does not end`)
    const page: { body: z.infer<typeof treeSchema>; next?: string } = await readJson(url, treeSchema, options)
    for (const { type, path, size, oid, lfs } of page.body) {
      if (type !== "file") continue
      const etag = lfs?.oid ?? oid
      const sound = isInside(path) && (!wants(path) || (isWritable(path) && isHash(etag, lfs ? 64 : 40)))
      if (!sound)
        throw bad(
          `the hub lists a file with an impossible name or hash: ${path.slice(0, 200).replace(/\p{Cc}/gu, "?")}`,
        )
      if (!wants(path)) continue
      if (files.has(path)) throw bad(`the hub lists a file twice: ${path}`)
      files.set(path, { path, size: lfs?.size ?? size, etag, hash: lfs ? "sha256" : "git-sha1" })
    }
    url = page.next
  }
  return [...files.values()]
}

/** A listing must not be able to write outside of the folder. */
function isInside(path: string): boolean {
  return !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
}

/** Names that every file system takes for one file. */
function isWritable(path: string): boolean {
  return !/[\\:\p{Cc}]/u.test(path) && path.split("/").every((part) => Buffer.byteLength(part) <= 255)
}

const isHash = (etag: string, digits: number): boolean => etag.length === digits && /^[0-9a-f]+$/.test(etag)

async function readJson<T>(
  url: string,
  schema: z.ZodType<T>,
  options: RequestOptions,
): Promise<{ body: T; next?: string }> {
  const { text, headers } = await requestText(url, MAX_ANSWER_BYTES, options)
  const parsed = schema.safeParse(parse(text))
  if (!parsed.success)
    throw new UserError("the answer is not what a model hub gives", {
      where: url.slice(0, 300),
      fix: /^\s*</.test(text)
        ? "It is a web page: check HF_ENDPOINT, and whether this network wants a login or a proxy first."
        : "Check HF_ENDPOINT.",
    })
  const next = /<([^>]+)>;\s*rel="next"/.exec(String(headers.link ?? ""))?.[1]
  if (!next || !URL.canParse(next, url)) return { body: parsed.data }
  // Only the path is taken: a mirror may pass on links to the original, and the token must not go there.
  const { pathname, search } = new URL(next, url)
  return { body: parsed.data, next: new URL(pathname + search, url).href }
}

/** undefined for what is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a model consists of at a revision: its commit and its files with sizes and hashes. */
import { z } from "zod"
import { UserError } from "../errors.js"
import type { HubModel } from "./cache.js"
import { type RequestOptions, request } from "./request.js"

export interface HubFile {
  /** Slash-separated path inside the model. */
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

/** Commit that the revision stands for now. */
export async function currentCommit(model: HubModel, options: RequestOptions): Promise<string> {
  const url = `${options.settings.endpoint}/api/models/${model.id}/revision/${encodeURIComponent(model.revision)}`
  return (await readJson(url, commitSchema, options)).body.sha
}

/** All files of a commit; the listing comes in pages. */
export async function listFiles(id: string, commit: string, options: RequestOptions): Promise<HubFile[]> {
  const files: HubFile[] = []
  let url: string | undefined = `${options.settings.endpoint}/api/models/${id}/tree/${commit}?recursive=true`
  while (url) {
    const page: { body: z.infer<typeof treeSchema>; next?: string } = await readJson(url, treeSchema, options)
    for (const { type, path, size, oid, lfs } of page.body) {
      if (type !== "file") continue
      const etag = lfs?.oid ?? oid
      if (!isSafePath(path) || !/^[0-9a-f]{40,64}$/.test(etag))
        throw new UserError(`the hub lists a file with an impossible name or hash: ${path}`, { where: options.subject })
      files.push({ path, size: lfs?.size ?? size, etag, hash: lfs ? "sha256" : "git-sha1" })
    }
    url = page.next
  }
  return files
}

/** A listing must not be able to write outside the model's folder. */
function isSafePath(path: string): boolean {
  return (
    !path.startsWith("/") &&
    !/[\\:\0]/.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  )
}

async function readJson<T>(
  url: string,
  schema: z.ZodType<T>,
  options: RequestOptions,
): Promise<{ body: T; next?: string }> {
  const response = await request(url, options)
  const parsed = schema.safeParse(await response.json().catch(() => undefined))
  if (!parsed.success)
    throw new UserError("the answer is not what a model hub gives", { where: url, fix: "Check HF_ENDPOINT." })
  const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1]
  if (!next) return { body: parsed.data }
  // Only the path is taken: a mirror may pass on links to the original, and the token must not go there.
  const { pathname, search } = new URL(next, url)
  return { body: parsed.data, next: new URL(pathname + search, url).href }
}

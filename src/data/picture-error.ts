/** What is wrong with a record's picture, in the words of the data check and of training alike. */

import { UserError } from "../errors.js"
import { CHECK_PATH } from "../image/file.js"
import { readable } from "../readable.js"

/** Runs work on a picture's file; what is wrong with it is said as a sentence about the record's image. */
export async function ofPicture<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const general = error.fix === undefined || error.fix === CHECK_PATH
    throw new UserError(sentence(error.message, readable(path, 200)), {
      fix: general ? "mend the path, give another image folder, or remove the record" : error.fix,
      cause: error,
    })
  }
}

function sentence(message: string, shown: string): string {
  if (message === "there is no such image") return `there is no image ${shown}`
  const about = /^(?:the image('s)?|this) (.*)$/s.exec(message)
  return about ? `the image ${shown}${about[1] ?? ""} ${about[2]}` : `the image ${shown}: ${message}`
}

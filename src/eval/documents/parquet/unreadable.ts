/** Why something of a Parquet file cannot be read. */

export const DOWNLOAD_AGAIN = "download the file again; if it stays so, the data is published damaged"

/** The message goes on where the name of the column stands: "has a page of 3 GiB". */
export class Unreadable extends Error {
  constructor(
    what: string,
    /** What mends it. */
    readonly fix: string = DOWNLOAD_AGAIN,
  ) {
    super(what)
  }
}

export const damaged = (why: string): Unreadable => new Unreadable(`cannot be read: the file is damaged (${why})`)

/** Words as a shell reads them back. */

export const shellWord = (word: string): string =>
  /^[\w./=:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/** What was typed. @param program what starts the program */
export const typedCommand = (program: string): string => [program, ...process.argv.slice(2).map(shellWord)].join(" ")

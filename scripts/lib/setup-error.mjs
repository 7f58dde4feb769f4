// What a person can mend during set-up: one sentence, and what to run. Anything else that is thrown is a bug.

export class SetupError extends Error {
  /**
   * @param {string} message what went wrong
   * @param {string} [fix] what to run or change
   */
  constructor(message, fix) {
    super(message)
    this.name = "SetupError"
    this.fix = fix
  }
}

/** The install command of each system's package manager, for a hint: `Debian/Ubuntu: sudo apt install g++ · …`. */
export function installHint({ debian, fedora, mac }) {
  if (process.platform === "darwin") return `run: ${mac}`
  return `Debian/Ubuntu: sudo apt install ${debian} · Fedora: sudo dnf install ${fedora}`
}

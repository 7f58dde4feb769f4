// The C++ compiler: the one that CXX names, or the first of the usual names that there is. Never another than was named.

import { accessSync, constants, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run, tail } from "./run.mjs"
import { installHint, SetupError } from "./setup-error.mjs"

const USUAL = ["c++", "g++", "clang++"]
export const COMPILE_MODE = "-std=c++20"

/**
 * @typedef {object} Compiler
 * @property {string} name as it was named, for messages
 * @property {string} command the program
 * @property {string[]} args what comes before all other arguments: ["g++"] of "ccache g++"
 * @property {string} version its first line about itself
 * @property {string} identity changes when another compiler is used
 * @property {string[]} flags that this compiler needs
 */

/** What CXX says; undefined when it says nothing. */
export function namedCompiler(env = process.env) {
  return env.CXX?.trim() || undefined
}

/**
 * @returns {Promise<Compiler>}
 * @throws {SetupError} when CXX names something that does not compile, or there is no compiler
 */
export async function findCompiler(env = process.env) {
  const named = namedCompiler(env)
  if (named) {
    const compiler = await look(named)
    const problem = compiler.problem ?? (await tryOut(compiler, env))
    if (!problem) return compiler
    throw new SetupError(
      `CXX=${named} is no C++ compiler that works: ${problem}`,
      'set CXX to one that does, such as CXX=g++ or CXX="ccache g++", or unset it to use the one that is found',
    )
  }
  for (const name of USUAL) {
    const compiler = await look(name)
    if (!compiler.problem) return compiler
  }
  throw new SetupError(
    `a C++ compiler is needed to build the engine, and none was found (${USUAL.join(", ")} were tried; CXX can name one)`,
    installHint({ debian: "g++", fedora: "gcc-c++", mac: "xcode-select --install" }),
  )
}

async function look(name) {
  const [command, ...args] = isProgram(name) ? [name] : splitWords(name)
  const { code, output, missing } = await run(command, [...args, "--version"])
  if (missing) return { problem: `there is no program ${command} that can be run` }
  if (code !== 0) return { problem: tail(output, 3) || `${command} --version fails` }
  const version = output.split("\n")[0].trim()
  // gcc: kernels run on the OpenMP threads that libtorch brings (libgomp); clang would ask for another OpenMP library.
  const openmp = !/clang/i.test(output) && process.platform !== "darwin"
  return { name, command, args, version, identity: `${name} ${version}`, flags: openmp ? ["-fopenmp"] : [] }
}

/** Compiles and links a few lines: what only answers to --version (`ls`, a C compiler, one that is too old) shows here. */
async function tryOut({ command, args, version }, env) {
  const parent = existsSync(tmpdir()) ? tmpdir() : "."
  const folder = mkdtempSync(join(parent, "diffusionvl-compiler-"))
  try {
    const source = join(folder, "try.cc")
    const program = join(folder, "try.so")
    writeFileSync(
      source,
      "#include <string>\n#include <span>\nstd::string word(std::span<int> x) { return std::to_string(x.size()); }\n",
    )
    const { code, output } = await run(command, [...args, COMPILE_MODE, "-shared", "-fPIC", source, "-o", program], {
      env,
    })
    if (code === 0 && existsSync(program)) return undefined
    if (/unrecognized command[- ]line option.*-std=c\+\+20|invalid value 'c\+\+20'/.test(output))
      return `${version} is too old, C++20 is needed`
    const errors = output.split("\n").filter((line) => /error/i.test(line))
    return errors[0] ?? (tail(output, 3) || "it makes no file")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A path with spaces is one word when there is such a program. */
function isProgram(name) {
  try {
    accessSync(name, constants.X_OK)
    return statSync(name).isFile()
  } catch {
    return false
  }
}

/** The words of a command line, as a shell would take them: quotes and backslashes hold spaces together. */
export function splitWords(text) {
  const words = []
  let word
  const pattern = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+|['"\\])/gs
  for (const [match, single, double, escaped, plain] of text.matchAll(pattern)) {
    if (/^\s+$/.test(match)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain)
  }
  return word === undefined ? words : [...words, word]
}

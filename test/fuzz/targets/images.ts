/** Pictures: decoded, brought to a square or not, and cut into patches. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { decodeImage } from "../../../src/image/decode.js"
import { padToSquare, qwenImage } from "../../../src/image/processors/qwen.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { placeOddFile } from "../mutate/file.js"
import { mutatePicture } from "../mutate/picture.js"
import { pick } from "../mutate/values.js"
import { type Fuzzer, Nonsense } from "../target.js"
import { writePictures } from "./pictures.js"

const LIMITS = { minPixels: 3136, maxPixels: 50_176 }

async function use(path: string, pad: boolean): Promise<void> {
  const image = await decodeImage(path)
  const { width, height, data } = image
  if (!(width > 0 && height > 0) || data.length !== width * height * 3)
    throw new Nonsense(`${width} × ${height} pixels, ${data.length} bytes`)
  qwenImage(pad ? padToSquare(image) : image, LIMITS)
}

export async function prepare(base: string): Promise<Fuzzer> {
  const pictures = await writePictures()
  for (const { name, bytes } of pictures) {
    const path = join(base, name)
    writeFileSync(path, bytes)
    if (!name.endsWith(".bmp")) await acceptedAsItIs(name, () => use(path, true))
  }
  return {
    async run({ random, folder, note }) {
      const { name, bytes } = pick(random, pictures)
      const path = join(folder, name)
      if (random() < 0.03) note(placeOddFile(random, path))
      else {
        const mutated = random() < 0.6 ? mutatePicture(random, bytes) : mutateBytes(random, bytes)
        note(`${name}: ${mutated.what}`)
        writeFileSync(path, mutated.bytes)
      }
      await use(path, random() < 0.5)
    },
  }
}

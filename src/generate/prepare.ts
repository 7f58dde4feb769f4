/** From messages and pictures to the prompt a decoder takes. */

import { named } from "../data/llava.js"
import { UserError } from "../errors.js"
import { decodeImage, type RgbImage } from "../image/decode.js"
import { readableName } from "../image/file.js"
import { requireImages } from "../models/images.js"
import type { ImageInput } from "../models/types.js"
import type { Prompt } from "../paradigms/prompt.js"
import { encodePrompt, IGNORE, type Message, partsOf } from "../text/conversation.js"
import { spanOf } from "../text/image-span.js"
import { layOut } from "../text/layout.js"
import { checkMessages } from "./check-request.js"
import type { Session } from "./session.js"

/** A path, the bytes of an image file, or pixels. */
export type ImageSource = string | Uint8Array | RgbImage

export interface PrepareOptions {
  signal?: AbortSignal
  /** As the authors' evaluation writes prompts of LLaDA: the token behind an image is lost (docs/reference.md, Q22). */
  dropAfterImage?: boolean
  /** Only what was kept for prompts of the same salt is found again. */
  cacheSalt?: string
  /**
   * How pixels are made ready: whoever shows a picture again may keep what comes of it.
   * @param among how many pictures the prompt shows
   * @default as the model's image processor does
   */
  prepareImage?: (image: RgbImage, among: number) => Promise<ImageInput>
}

/**
 * Decodes, resizes and encodes the images and tokenises the messages. Images keep their aspect, within the model's pixel
 * limits; the autoregressive model gets its three-axis positions. Lengths are checked before pictures are prepared.
 * @param images one for each image part of the messages, in order
 * @throws UserError when they differ in number, an image cannot be read, or the prompt is longer than the model can see; the
 * reason of `signal` when it is aborted
 */
export async function preparePrompt(
  session: Session,
  messages: readonly Message[],
  images: readonly ImageSource[] = [],
  { signal, dropAfterImage, cacheSalt, prepareImage }: PrepareOptions = {},
): Promise<Prompt> {
  checkMessages(messages)
  if (dropAfterImage && session.format !== "llava_llada")
    throw new UserError("only prompts of LLaDA's models lose the token behind an image (dropAfterImage)", {
      where: session.folder,
      fix: "leave the option out",
    })
  checkConversation(messages, images.length)
  const { model, tokenizer, config } = session
  // One after the other: each may take hundreds of megabytes while it is decoded.
  const pictures: RgbImage[] = []
  for (const image of images) {
    pictures.push(typeof image === "string" || image instanceof Uint8Array ? await decodeImage(image) : image)
    signal?.throwIfAborted()
  }
  const among = pictures.length
  const spans = pictures.map((picture, i) =>
    named(placeOf(images[i], i), () => spanOf(requireImages(session.images).pieces(picture, { among }), tokenizer)),
  )
  const ids = encodePrompt(messages, tokenizer, session.format, { dropAfterImage })
  if (ids.length === 0)
    throw new UserError("the prompt has no tokens: the model's chat template writes nothing, or the text is empty", {
      where: session.folder,
      fix: "give a text, and use a chat_template that writes the messages",
    })
  const layout = layOut({ ids, labels: ids.map(() => IGNORE) }, spans)
  const largest = layout.ids.reduce((most, id) => Math.max(most, id), 0)
  if (largest >= model.vocabSize)
    throw new UserError(`the tokenizer has a token ${largest}, but the model has only ${model.vocabSize}`, {
      where: session.folder,
      fix: "use the tokenizer files that belong to the model",
    })
  if (layout.ids.length > config.text.maxPositions)
    throw new UserError(
      `the prompt has ${layout.ids.length} tokens, more than the model's ${config.text.maxPositions} positions`,
      { fix: spans.length > 0 ? "give fewer or smaller pictures, or a shorter text" : "give a shorter text" },
    )
  const prepare = prepareImage ?? ((picture) => requireImages(session.images).prepare(picture, { among }))
  const prepared: ImageInput[] = []
  for (const picture of pictures) {
    prepared.push(await prepare(picture, among))
    signal?.throwIfAborted()
  }
  const features = await session.executor.features(prepared, { signal, cacheSalt })
  return { ids: layout.ids, ...features, positions: session.images?.positions?.(ids, prepared), cacheSalt }
}

/** Which of several pictures an error is about. */
const placeOf = (image: ImageSource, index: number): string =>
  typeof image === "string" ? readableName(image) : `image ${index + 1}`

function checkConversation(messages: readonly Message[], images: number): void {
  const last = messages[messages.length - 1]
  if (last?.role !== "user")
    throw new UserError(last ? `the last message is the ${last.role}'s` : "there is no message to answer", {
      fix: "end the conversation with a user message",
    })
  const slots = messages.flatMap(({ content }) => partsOf(content)).filter(({ type }) => type === "image").length
  if (slots !== images) {
    const s = (n: number): string => (n === 1 ? "" : "s")
    throw new UserError(
      `the messages show ${slots} image${s(slots)}, but ${images} ${images === 1 ? "was" : "were"} given`,
      {
        fix: 'give one image for each { type: "image" } part of the messages',
      },
    )
  }
}

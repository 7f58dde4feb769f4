/** From messages and pictures to the prompt a decoder takes. */

import { named } from "../data/llava.js"
import { UserError } from "../errors.js"
import type { ShownPictures } from "../execution/shown-pictures.js"
import type { ImagePiece } from "../image/processors/pieces.js"
import type { RgbImage } from "../image/rgb.js"
import type { ImageInput } from "../models/types.js"
import { requireImages } from "../models/vision/images.js"
import type { Prompt } from "../paradigms/prompt.js"
import { encodePrompt, IGNORE, type Message, partsOf } from "../text/conversation.js"
import { type ImageSpan, spanOf } from "../text/image-span.js"
import { layOut } from "../text/layout.js"
import { checkMessages } from "./check-request.js"
import { cutPrompt } from "./cut-prompt.js"
import { type ImageSource, type ReadImage, readImage } from "./image-source.js"
import type { Session } from "./session.js"

export interface PrepareOptions {
  signal?: AbortSignal
  /** As the authors' evaluation writes prompts of LLaDA: the token behind an image is lost (docs/reference.md, Q22). */
  dropAfterImage?: boolean
  /** As the authors' models cut prompts at their end, the header of the answer with it: rows that stay at most. @default none is cut */
  cutAt?: number
  /** Only what was kept for prompts of the same salt is found again. */
  cacheSalt?: string
}

/**
 * Decodes, resizes and encodes the images and tokenises the messages. Images keep their aspect, within the model's pixel
 * limits; the autoregressive model gets its three-axis positions. Lengths are checked before pictures are prepared.
 * Of pictures that were shown before nothing of this is done again.
 * @param images one for each image part of the messages, in order
 * @throws UserError when they differ in number, an image cannot be read, or the prompt is longer than the model can see; the
 * reason of `signal` when it is aborted
 */
export async function preparePrompt(
  session: Session,
  messages: readonly Message[],
  images: readonly ImageSource[] = [],
  { signal, dropAfterImage, cutAt, cacheSalt }: PrepareOptions = {},
): Promise<Prompt> {
  checkMessages(messages)
  if (dropAfterImage && session.format !== "llava_llada")
    throw new UserError("only prompts of LLaDA's models lose the token behind an image (dropAfterImage)", {
      where: session.folder,
      fix: "leave the option out",
    })
  checkConversation(messages, images.length)
  const how = { among: images.length, processor: session.images }
  const read = await Promise.all(images.map((image, i) => readImage(image, i, how)))
  signal?.throwIfAborted()
  const shown = await session.executor.pictures(
    read.map(({ source }) => source),
    { signal, cacheSalt },
  )
  try {
    return { ...(await withPictures(session, messages, { read, shown }, { signal, dropAfterImage, cutAt })), cacheSalt }
  } finally {
    shown.end()
  }
}

async function withPictures(
  session: Session,
  messages: readonly Message[],
  { read, shown }: { read: readonly ReadImage[]; shown: ShownPictures },
  { signal, dropAfterImage, cutAt = Number.POSITIVE_INFINITY }: PrepareOptions,
): Promise<Prompt> {
  const among = read.length
  // One after the other: each may take hundreds of megabytes while it is decoded.
  const pictures: (RgbImage | ImageInput)[] = []
  for (const [i, { decode }] of read.entries()) {
    pictures.push(shown.known[i] ?? (await decode()))
    signal?.throwIfAborted()
  }
  const piecesOf = (picture: RgbImage | ImageInput): readonly ImagePiece[] =>
    "pieces" in picture ? picture.pieces : requireImages(session.images).pieces(picture, { among })
  const spans = pictures.map((picture, i) => named(read[i].place, () => spanOf(piecesOf(picture), session.tokenizer)))
  const ids = encodePrompt(messages, session.tokenizer, session.format, { dropAfterImage })
  const laidOut = layOutPrompt(session, ids, spans, cutAt)
  const inputs: ImageInput[] = []
  for (const picture of pictures) {
    inputs.push("pieces" in picture ? picture : await requireImages(session.images).prepare(picture, { among }))
    signal?.throwIfAborted()
  }
  const found = await shown.features(inputs)
  const prompt = {
    ids: laidOut,
    features: found.map(({ features }) => features),
    featureNames: found.map(({ name }) => name),
    positions: session.images?.positions?.(ids, inputs),
  }
  return cutPrompt(prompt, cutAt)
}

/** @throws UserError for what the model cannot see, or not all of it */
function layOutPrompt(
  { model, config, folder }: Session,
  ids: Int32Array,
  spans: readonly ImageSpan[],
  cutAt: number,
): Int32Array {
  if (ids.length === 0)
    throw new UserError("the prompt has no tokens: the model's chat template writes nothing, or the text is empty", {
      where: folder,
      fix: "give a text, and use a chat_template that writes the messages",
    })
  const layout = layOut({ ids, labels: ids.map(() => IGNORE) }, spans)
  const largest = layout.ids.reduce((most, id) => Math.max(most, id), 0)
  if (largest >= model.vocabSize)
    throw new UserError(`the tokenizer has a token ${largest}, but the model has only ${model.vocabSize}`, {
      where: folder,
      fix: "use the tokenizer files that belong to the model",
    })
  if (Math.min(cutAt, layout.ids.length) > config.text.maxPositions)
    throw new UserError(
      `the prompt has ${layout.ids.length} tokens, more than the model's ${config.text.maxPositions} positions`,
      { fix: spans.length > 0 ? "give fewer or smaller pictures, or a shorter text" : "give a shorter text" },
    )
  return layout.ids
}

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

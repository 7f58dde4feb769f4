/** A new model as transformers' LLaVA or LLaVA-OneVision: a token that stands for pictures, the language model's own chat template. */

import { withVocabulary } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { type ChatFormat, encodePrompt, type NamedFormat } from "../../text/conversation.js"
import { ChatTemplate } from "../../text/formats/chat-template.js"
import { imageTemplate } from "../../text/formats/image-template.js"
import { TemplateFormat } from "../../text/formats/template-format.js"
import { withImageToken } from "../../text/image-token.js"
import type { Tokenizer } from "../../text/tokenizer/tokenizer.js"
import { readTokenizerFiles } from "../../text/tokenizer/tokenizer-file.js"
import { composedConfig } from "./config.js"
import { type FormOfModel, generationFile, type Ingredients } from "./form.js"
import { pictureFiles } from "./pictures.js"

/** Where no class is named, transformers would take the one that is usual in LLaVA. */
const PLAIN_TOKENIZER = {
  tokenizer_class: "PreTrainedTokenizerFast",
  model_input_names: ["input_ids", "attention_mask"],
}

/** Every mark of a conversation is in it. */
const CONVERSATION = (["user", "assistant", "user"] as const).map((role) => ({ role, content: "a" }))

/**
 * A language model and a tower as transformers writes such models: LLaVA, or LLaVA-OneVision for tiles.
 * @throws UserError for what they have no form for
 */
export function transformersForm({ text, tower, vision, options }: Ingredients): FormOfModel {
  const { folder, config } = text
  const template = ChatTemplate.load(folder)
  if (template === undefined && config.chatWithoutTemplate === undefined)
    throw new UserError("the language model has no chat template: nothing says how a conversation is written", {
      where: folder,
      fix: "use the model that was trained to answer, or put a chat_template.jinja into its folder",
    })
  const formatOf = (tokenizer: Tokenizer): ChatFormat =>
    template ? new TemplateFormat(template, tokenizer) : (config.chatWithoutTemplate as NamedFormat)
  const image = withImageToken(readTokenizerFiles(folder), {
    wanted: options.imageToken,
    used: (tokenizer) =>
      new Set([
        ...(Object.values(config.tokens).flat() as number[]),
        ...encodePrompt(CONVERSATION, tokenizer, formatOf(tokenizer)),
      ]),
    mask: config.tokens.mask,
  })
  const { preprocessor, processor } = pictureFiles(tower.folder, vision, image.token)
  const { chat_template: _, ...tokenizer } = image.config
  const grown = image.id < config.text.vocabSize ? config : withVocabulary(config, image.id + 1)
  return {
    raw: composedConfig(grown, vision, image.id),
    files: new Map<string, Json | string>([
      ["tokenizer.json", image.definition],
      ["tokenizer_config.json", { ...PLAIN_TOKENIZER, ...tokenizer, processor_class: processor.processor_class }],
      ...(template === undefined
        ? []
        : ([["chat_template.jinja", imageTemplate(template.source, image.token)]] as const)),
      ["preprocessor_config.json", preprocessor],
      ["processor_config.json", processor],
      ...generationFile(folder, config),
    ]),
  }
}

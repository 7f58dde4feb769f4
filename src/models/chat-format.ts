/** The format of a model's conversations. */

import type { ModelConfig } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import type { ChatFormat } from "../text/conversation.js"

/** @throws UserError for a model whose conversations nothing here can write yet */
export function chatFormatOf({ chat }: Pick<ModelConfig, "chat">): ChatFormat {
  if (chat !== "template") return chat as ChatFormat
  throw new UserError("conversations in a chat template of the model's own are not supported yet", {
    fix: "use the model through the library, with token ids",
  })
}

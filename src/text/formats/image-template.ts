/** The chat template of a language model, for conversations with pictures: what it is given has them written out as a token. */

/**
 * Jinja that makes texts of contents that are lists of parts, and then does what the template did before. Contents that
 * are texts go through as they are.
 * @param token what each picture is written as
 */
export function imageTemplate(template: string, token: string): string {
  const text = JSON.stringify(token)
  const prelude = [
    "set written = namespace(messages=[], content='')",
    "for message in messages",
    "if message['content'] is defined and message['content'] is iterable and message['content'] is not string",
    "set written.content = ''",
    "for part in message['content']",
    "if part['type'] == 'image'",
    `set written.content = written.content + ${text}`,
    "elif part['type'] == 'text'",
    "set written.content = written.content + part['text']",
    "endif",
    "endfor",
    "set written.messages = written.messages + [{'role': message['role'], 'content': written.content}]",
    "else",
    "set written.messages = written.messages + [message]",
    "endif",
    "endfor",
    "set messages = written.messages",
  ]
  // The line break behind a tag is not written, so that one of the template's own needs a second.
  return `${prelude.map((tag) => `{%- ${tag} %}`).join("")}${template.startsWith("\n") ? "\n" : ""}${template}`
}

export { TextStream } from "../text/tokenizer/text-stream.js"

export { TextStream } from "../text/text-stream.js"

/** The formats of strings that JSON Schema names, as patterns. Each matches no more than its standard, some a little less. */

const DATE =
  "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))" +
  "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
const HOURS = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
const TIME = `${HOURS}:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-]${HOURS})`
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
const ATOM = "[A-Za-z0-9_+-]{1,63}"
const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

export const STRING_FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  "date-time": `${DATE}T${TIME}`,
  email: `${ATOM}(?:\\.${ATOM}){0,3}@(?:${LABEL}\\.){1,4}[A-Za-z]{2,20}`,
  hostname: `${LABEL}(?:\\.${LABEL}){0,2}`,
  ipv4: `${OCTET}(?:\\.${OCTET}){3}`,
  uuid: "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}

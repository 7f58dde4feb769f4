/** What tests do within the page: each is sent there alone, so none uses anything beside it. */

/** Pastes or drops a file, as a browser would. */
export async function giveFiles([url, how, name]: readonly [string, "paste" | "drop", string]): Promise<void> {
  // The page's policy lets it fetch nothing but its own server.
  const bytes = Uint8Array.from(atob(url.split(",")[1]), (letter) => letter.charCodeAt(0))
  const data = new DataTransfer()
  data.items.add(new File([bytes], name, { type: "image/png" }))
  const field = document.querySelector("textarea#question") as HTMLElement
  if (how === "paste") field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }))
  else document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }))
}

/** What a screen reader would call the element with the focus. */
export function nameOfFocus(): string {
  const element = document.activeElement as HTMLElement
  const label = (element as HTMLInputElement).labels?.[0]
  return (element.getAttribute("aria-label") ?? label?.textContent ?? element.textContent ?? "").trim()
}

/** What a person who does not see the page, or sees it on a phone, would stumble over. */
export function faults(): string[] {
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)]
  const isNamed = (element: HTMLElement) =>
    element.getAttribute("aria-label") ||
    (element as HTMLInputElement).labels?.[0]?.textContent?.trim() ||
    (element.matches("button, a, summary") && element.textContent?.trim())
  const ids = all("[id]").map(({ id }) => id)
  return [
    ...all("button, a, summary, input, select, textarea")
      .filter((element) => !isNamed(element))
      .map(({ outerHTML }) => `no name: ${outerHTML}`),
    ...all("img:not([alt])").map(({ outerHTML }) => `no alt: ${outerHTML}`),
    ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `twice: #${id}`),
    ...all("[aria-describedby]")
      .filter((one) => !document.getElementById(one.getAttribute("aria-describedby") as string))
      .map(({ outerHTML }) => `describes nothing: ${outerHTML}`),
    ...(all("h1").length === 1 ? [] : ["not one h1"]),
    ...(document.documentElement.scrollWidth > innerWidth
      ? [`wider than the page: ${document.documentElement.scrollWidth}`]
      : []),
    ...(document.documentElement.lang === "en" ? [] : ["no language"]),
  ]
}

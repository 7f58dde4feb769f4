import type { Signal } from "@preact/signals"
import { picturesIn } from "../picture/read.js"
import type { Picture } from "../protocol/request.js"

/** The pictures that will be sent; each can be taken away again. */
export function AttachedPictures({ pictures }: { pictures: Signal<readonly Picture[]> }) {
  if (pictures.value.length === 0) return null
  return (
    <ul class="attached" aria-label="Pictures">
      {pictures.value.map((picture, i) => (
        <li key={picture}>
          <img src={picture.url} alt={`${i + 1}: ${picture.name}`} />
          <button
            type="button"
            aria-label={`Remove picture ${i + 1}: ${picture.name}`}
            onClick={() => (pictures.value = pictures.value.filter((one) => one !== picture))}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  )
}

/** From a file, or straight from the camera of a phone. */
export function PictureButtons({ onFiles }: { onFiles: (files: File[]) => void }) {
  const choose = (event: { currentTarget: HTMLInputElement }) => {
    const files = picturesIn(event.currentTarget.files)
    // The same file may be chosen again.
    event.currentTarget.value = ""
    onFiles(files)
  }
  return (
    <>
      <label class="button">
        Picture
        <input class="unseen" type="file" accept="image/*" multiple onChange={choose} />
      </label>
      <label class="button touch">
        Camera
        <input class="unseen" type="file" accept="image/*" capture="environment" onChange={choose} />
      </label>
    </>
  )
}

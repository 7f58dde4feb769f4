import { render } from "preact"
import "./style/base.css"
import "./style/page.css"
import "./style/forms.css"
import "./style/answer.css"
import { loadModels } from "./state/models.js"
import { App } from "./view/app.js"

loadModels()
render(<App />, document.getElementById("app") as HTMLElement)

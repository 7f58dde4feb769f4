/** How a page looks: plain, for reading; light or dark as the reader's system is, narrow or wide as the window is. */

const DARK = `
  --page: #15171a; --text: #e6e6e3; --soft: #a3a8ae; --line: #33383e; --box: #1d2024; --good: #6fcf8e; --bad: #f08a7c;
  --new: #1f4d36; --fixed: #23303f; --masked: #202327; --edge: #0007;
  --series-1: #6ea8e6; --series-2: #f0a35e; --series-3: #62c79a; --series-4: #d78ad0; --series-5: #c9c16a; --series-6: #a9b1b9;`

/** What scrolls sideways has a shade at each end behind which there is more. */
const SCROLL = `
.scroll { overflow-x: auto; margin: .8rem 0 1.2rem;
  background: linear-gradient(to right, var(--page) 40%, transparent) 0 0 / 2.5rem 100% no-repeat local,
    linear-gradient(to left, var(--page) 40%, transparent) 100% 0 / 2.5rem 100% no-repeat local,
    linear-gradient(to right, var(--edge), transparent) 0 0 / .7rem 100% no-repeat scroll,
    linear-gradient(to left, var(--edge), transparent) 100% 0 / .7rem 100% no-repeat scroll }`

export const STYLE = `
:root { color-scheme: light dark;
  --page: #ffffff; --text: #1c1e21; --soft: #5c636b; --line: #d9dde2; --box: #f5f6f8; --good: #1b7a3d; --bad: #b3372a;
  --new: #bfe8cd; --fixed: #e3edf8; --masked: #eceef1; --edge: #0002;
  --series-1: #1f66b0; --series-2: #c2640c; --series-3: #14805a; --series-4: #9a3f92; --series-5: #7d7416; --series-6: #5f6771; }
@media (prefers-color-scheme: dark) { :root {${DARK} } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem }
h2 { font-size: 1.3rem; margin: 2.8rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
p, li { max-width: 46rem }
.soft, caption, figcaption { color: var(--soft); font-size: .9rem }
.lead { font-size: 1.12rem }
.good { color: var(--good) } .bad { color: var(--bad) }
${SCROLL}
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: 0 0 .4rem }
th, td { padding: .34rem 1.2rem .34rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th:last-child, td:last-child { padding-right: 0 }
thead th { color: var(--soft); font-weight: 500; line-height: 1.3; vertical-align: bottom; border-bottom-color: var(--soft) }
tbody th { font-weight: 500; min-width: 7rem }
.number { text-align: right } td.number { white-space: nowrap }
small { color: var(--soft); font-size: .82em; white-space: nowrap }
figure { margin: 1rem 0 1.4rem } figure > .scroll { margin: 0 } figcaption { margin-top: .3rem; max-width: 46rem }
.chart { max-width: 35rem } .chart figcaption { margin: 0 0 .3rem } .chart b { display: block; color: var(--text); font-weight: 600 }
.chart figcaption span { margin-right: 1.1em; white-space: nowrap } .mark { width: .8em; height: .8em; margin-right: .35em; overflow: visible }
.chart > svg { display: block; width: 100%; height: auto }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 1.5rem } .charts figure { margin-bottom: .6rem }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; font-size: .86rem; white-space: pre-wrap; overflow-wrap: anywhere }
pre .option { white-space: nowrap }
img { background: #fff; border-radius: 6px; border: 1px solid var(--line); image-rendering: auto; max-width: 100% }
summary { cursor: pointer; color: var(--soft) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0 }
.tile { background: var(--box); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem }
.tile b { display: block; font-size: 1.5rem; font-weight: 600; line-height: 1.25 } .tile span:not([class]) { color: var(--soft); font-size: .86rem; display: block } .tile [class] { font-size: .86rem; display: block }
.sample { display: grid; grid-template-columns: 98px 1fr; gap: 0 1rem; border-bottom: 1px solid var(--line); padding: .9rem 0 }
.sample:last-child { border-bottom: 0 } .sample > :last-child { min-width: 0 } .sample > :only-child { grid-column: 1 / -1 }
.sample p { margin: .1rem 0 .3rem; white-space: pre-line } .sample .scroll { margin: 0 0 .7rem } .sample table :is(th, td) { border: 0; padding: .12rem .9rem .12rem 0; font-weight: 400 } .sample td:not(.number) { overflow-wrap: anywhere; min-width: 8rem } .sample tbody th { min-width: 0; color: var(--soft); white-space: nowrap }
.denoise { border-collapse: separate; border-spacing: 3px; font-size: .84rem }
.denoise th { border: 0; min-width: 0; font-weight: 400; color: var(--soft); white-space: nowrap; padding: .2rem .5rem .2rem 0 }
.denoise td { border: 0; border-radius: 4px; padding: .18rem .4rem; text-align: center; white-space: pre; min-width: 2.2rem }
.denoise .masked { background: var(--masked); color: var(--soft); font-style: italic }
.denoise .new { background: var(--new); font-weight: 600 } .denoise .fixed { background: var(--fixed) }
.denoise td small { display: block; font-style: normal; font-weight: 400 }
@media (max-width: 30rem) { main { padding-top: 1.2rem } .sample { grid-template-columns: 64px 1fr } .sample tbody th { white-space: normal } }
@media print { body { font-size: 11pt } }
`

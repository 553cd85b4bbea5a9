// A dashboard as Grafana lays it out, drawn from its JSON and a Prometheus.
//
// The page is told everything by `window.told`, which stands in its HTML; it tells in
// `window.drawn` how many numbers each panel shows, and in `window.ready` that all have answered.
import '@fontsource-variable/inter'
import './grafana'
import { createTheme, dateTime, ThemeContext, TimeRange } from '@grafana/data'
import { GlobalStyles, PanelContextProvider } from '@grafana/ui'
import { createRoot } from 'react-dom/client'

import { Drawn, Drawing, Panel } from './panel'
import { Answers } from './prometheus'

interface Row { type: 'row', title: string, gridPos: Panel['gridPos'], collapsed?: boolean, panels?: Panel[] }
interface Dashboard { title: string, description: string, panels: Array<Panel | Row> }
interface Told {
  dashboard: Dashboard
  answers: Answers
  chosen: Record<string, string>
  only: string[] // titles of panels; all where none is named
}

const WIDTH = 1600
const COLUMNS = 24
const GAP = 8
const CELL = 30
const { dashboard, answers, chosen, only }: Told = (window as any).told
const theme = createTheme({
  colors: { mode: 'dark' },
  typography: { fontFamily: '"Inter Variable", sans-serif' }
})
const range: TimeRange = (() => {
  const [from, to] = [dateTime(answers.from * 1000), dateTime(answers.to * 1000)]
  return { from, to, raw: { from, to } }
})()

interface Laid { item: Panel | Row, x: number, y: number, w: number }

// From left to right, folded rows opened; what is left out leaves no hole.
function laidOut (): Laid[] {
  const open = dashboard.panels.flatMap((one) => [one, ...('panels' in one && one.panels) || []])
  const found: Laid[] = []
  let [x, y, tall] = [0, 0, 0]
  const end = () => {
    const last = found.at(-1)
    if (last && last.item.type !== 'row') last.w = COLUMNS - last.x
    ;[x, y, tall] = [0, y + tall, 0]
  }
  for (const item of open.filter(({ title }) => !only.length || only.includes(title))) {
    const { w, h } = item.gridPos
    if (x + w > COLUMNS) end()
    found.push({ item, x, y, w })
    x += w
    tall = Math.max(tall, h)
  }
  end()
  return found
}

function Page () {
  const laid = laidOut()
  const drawn: Record<string, number> = (window as any).drawn = {}
  const panels = laid.filter(({ item }) => item.type !== 'row').length
  let told = 0
  const tell = (title: string, numbers: number) => {
    drawn[title] = title in drawn ? Math.min(drawn[title], numbers) : numbers
    told += 1
    if (told === panels) setTimeout(() => { (window as any).ready = true }, 1500)
  }
  const drawing: Drawing = { theme, range, answers, tell }
  const cell = (WIDTH - GAP) / COLUMNS
  const tall = Math.max(...laid.map(({ item, y }) => y + item.gridPos.h)) * (CELL + GAP)
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles isExtensionSidebarOpen={false} {...{} as any} />
      <PanelContextProvider value={{ eventsScope: 'page', eventBus: silent } as any}>
        <div style={{ width: WIDTH, background: theme.colors.background.canvas, paddingBottom: GAP }}>
          <Head />
          <div style={{ position: 'relative', height: tall, margin: GAP }}>
            {laid.map(({ item, x, y, w }, at) => {
              const width = w * cell - GAP
              const height = item.gridPos.h * (CELL + GAP) - GAP
              const place = { position: 'absolute' as const, left: x * cell, top: y * (CELL + GAP), width, height }
              return (
                <div key={at} style={place}>
                  {item.type === 'row' ? <Heading title={item.title} /> : <Drawn {...{ panel: item, width, height, drawing }} />}
                </div>
              )
            })}
          </div>
        </div>
      </PanelContextProvider>
    </ThemeContext.Provider>
  )
}

const silent = {
  publish () {},
  getStream: () => ({ subscribe: () => ({ unsubscribe () {} }), pipe () { return this } }),
  subscribe: () => ({ unsubscribe () {} }),
  removeAllListeners () {},
  newScopedBus () { return silent }
}

function Head () {
  const { text, background, border } = theme.colors
  const pill = { background: background.secondary, border: `1px solid ${border.medium}`, borderRadius: 4, fontSize: 13, padding: '5px 10px' }
  return (
    <div style={{ padding: `16px ${2 * GAP}px 4px`, color: text.primary }}>
      <div style={{ display: 'flex', alignItems: 'baseline', gap: 16 }}>
        <span style={{ fontSize: 20, fontWeight: 500 }}>{dashboard.title}</span>
        <span style={{ color: text.secondary, fontSize: 14 }}>{dashboard.description}</span>
      </div>
      <div style={{ display: 'flex', gap: 8, marginTop: 12 }}>
        {Object.entries(chosen).map(([name, value]) => (
          <span key={name} style={pill}><span style={{ color: text.secondary }}>{name}</span>&ensp;{value}</span>
        ))}
      </div>
    </div>
  )
}

function Heading ({ title }: { title: string }) {
  return <div style={{ color: theme.colors.text.primary, fontSize: 16, fontWeight: 500, paddingTop: 6 }}>▾&ensp;{title}</div>
}

createRoot(document.getElementById('page')!).render(<Page />)

// One panel: its questions, what Grafana makes of the answers, and Grafana's own component.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  DataFrame,
  DisplayValueAlignmentFactors,
  FieldConfigSource,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  GrafanaTheme2,
  TimeRange,
  transformDataFrame,
  VizOrientation,
} from '@grafana/data'
import { BarGauge, BigValue, PanelChrome, TimeSeries } from '@grafana/ui'
import { TableNG } from '@grafana/ui/unstable'
import { useEffect, useState } from 'react'
import { firstValueFrom } from 'rxjs'

import { registry } from './grafana'
import { Answers, asked, Target } from './prometheus'

export interface Panel {
  title: string
  type: 'stat' | 'timeseries' | 'bargauge' | 'table'
  gridPos: { x: number; y: number; w: number; h: number }
  targets: Target[]
  fieldConfig: FieldConfigSource
  options: any
  transformations?: any[]
}

export interface Drawing {
  theme: GrafanaTheme2
  range: TimeRange
  answers: Answers
  tell: (title: string, numbers: number) => void
}

const asIs = (text?: string) => text ?? ''

export function Drawn ({ panel, width, height, drawing }: {
  panel: Panel, width: number, height: number, drawing: Drawing
}) {
  const [frames, setFrames] = useState<DataFrame[]>()
  useEffect(() => {
    answered(panel, drawing).then(setFrames, (error) => drawing.tell(`${panel.title}: ${error}`, -1))
  }, [])
  useEffect(() => { frames && drawing.tell(panel.title, numbers(frames)) }, [frames])
  return (
    <PanelChrome width={width} height={height} title={panel.title} padding={panel.type === 'stat' ? 'none' : 'md'}>
      {(inner, tall) => frames ? content(panel, frames, inner, tall, drawing) : null}
    </PanelChrome>
  )
}

async function answered (panel: Panel, { theme, range, answers }: Drawing): Promise<DataFrame[]> {
  const each = await Promise.all(panel.targets.map((target) => asked(target, panel.type, panel.targets.length === 1, answers)))
  let frames = each.flat()
  if (panel.transformations) {
    frames = await firstValueFrom(transformDataFrame(panel.transformations, frames))
  }
  frames = applyFieldOverrides({
    data: frames,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry(panel.fieldConfig),
    replaceVariables: asIs,
    theme,
    timeZone: 'browser'
  })
  cacheFieldDisplayNames(frames)
  return frames
}

// How many numbers there are to be seen.
function numbers (frames: DataFrame[]): number {
  const values = frames.flatMap(({ fields }) => fields.filter(({ type }) => type === 'number'))
  return values.flatMap(({ values }) => [...values]).filter((value) => value != null && !isNaN(value)).length
}

function content (panel: Panel, frames: DataFrame[], width: number, height: number, drawing: Drawing) {
  switch (panel.type) {
    case 'stat': return <Stat {...{ panel, frames, width, height, drawing }} />
    case 'bargauge': return <Bars {...{ panel, frames, width, height, drawing }} />
    case 'table': return <Rows {...{ panel, frames, width, height, drawing }} />
    case 'timeseries': return <Lines {...{ panel, frames, width, height, drawing }} />
  }
}

interface Sized { panel: Panel, frames: DataFrame[], width: number, height: number, drawing: Drawing }

function shown ({ panel, frames, drawing }: Sized) {
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: asIs,
    sparkline: panel.options.graphMode === 'area',
    theme: drawing.theme,
    timeZone: 'browser'
  })
}

function Stat (given: Sized) {
  const { panel, width, height, drawing } = given
  const [first] = shown(given)
  return (
    <BigValue
      colorMode={panel.options.colorMode}
      graphMode={panel.options.graphMode}
      justifyMode={panel.options.justifyMode}
      textMode={panel.options.textMode}
      sparkline={first.sparkline}
      value={first.display}
      {...{ width, height, theme: drawing.theme }}
    />
  )
}

function Bars (given: Sized) {
  const { panel, width, height, drawing } = given
  const all = shown(given)
  const tall = Math.max(20, Math.min(36, height / Math.max(1, all.length) - 10))
  const factors: DisplayValueAlignmentFactors = getDisplayValueAlignmentFactors(all)
  return (
    <div style={{ height, overflow: 'hidden' }}>
      {all.slice(0, Math.floor(height / (tall + 10))).map((one, at) => (
        <div key={at} style={{ marginBottom: 10 }}>
          <BarGauge
            alignmentFactors={factors}
            display={one.view?.getFieldDisplayProcessor(one.colIndex!)}
            displayMode={panel.options.displayMode}
            field={one.field}
            height={tall}
            orientation={VizOrientation.Horizontal}
            showUnfilled={panel.options.showUnfilled}
            text={{ titleSize: 12, valueSize: 14 }}
            theme={drawing.theme}
            value={one.display}
            width={width}
          />
        </div>
      ))}
    </div>
  )
}

function Rows ({ panel, frames, width, height, drawing }: Sized) {
  const [frame] = frames
  if (!frame?.length) {
    return <Nothing text={panel.fieldConfig.defaults.noValue} theme={drawing.theme} />
  }
  return (
    <TableNG
      cellHeight={panel.options.cellHeight}
      data={frame}
      disableSanitizeHtml={false}
      enableVirtualization={false}
      getActions={() => []}
      noHeader={false}
      {...{ width, height, structureRev: 1 } as any}
    />
  )
}

function Lines ({ panel, frames, width, height, drawing }: Sized) {
  if (!frames.length) {
    return <Nothing text={panel.fieldConfig.defaults.noValue} theme={drawing.theme} />
  }
  return (
    <TimeSeries
      frames={frames}
      legend={panel.options.legend}
      timeRange={drawing.range}
      timeZone='browser'
      {...{ width, height, structureRev: 1 }}
    />
  )
}

function Nothing ({ text, theme }: { text?: string, theme: GrafanaTheme2 }) {
  const style = { color: theme.colors.text.secondary, padding: 32, textAlign: 'center' as const }
  return <div style={style}>{text ?? 'No data'}</div>
}

// What Grafana's data source does: a question to Prometheus, and its answer as data frames.
import { createDataFrame, DataFrame, FieldType } from '@grafana/data'

export interface Target {
  expr: string
  refId: string
  legendFormat?: string
  instant?: boolean
}

// Where Prometheus is, what stands for Grafana's variables, and the time that is looked at (s).
export interface Answers {
  url: string
  given: Record<string, string>
  from: number
  to: number
  step: number
}

interface Series {
  metric: Record<string, string>
  value?: [number, string]
  values?: Array<[number, string]>
}

export async function asked (target: Target, kind: string, alone: boolean, answers: Answers): Promise<DataFrame[]> {
  const { from, to, step } = answers
  const ranged = !target.instant
  const what = ranged ? { start: from, end: to, step } : { time: to }
  const path = ranged ? 'query_range' : 'query'
  const body = new URLSearchParams({ query: filled(target.expr, answers.given) })
  Object.entries(what).forEach(([name, value]) => body.set(name, String(value)))
  const { status, data, error } = await posted(`${answers.url}/api/v1/${path}`, body)
  if (status !== 'success') throw new Error(error)
  const result: Series[] = data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result
  if (kind === 'table') return result.length ? [table(alone ? 'Value' : `Value #${target.refId}`, target, result)] : []
  return result.map((series) => line(target, series, step))
}

// A browser that asks a hundred things at once is now and then refused a connection.
async function posted (url: string, body: URLSearchParams, again = 3): Promise<any> {
  try {
    return await (await fetch(url, { method: 'POST', body })).json()
  } catch (error) {
    if (!again) throw error
    await new Promise((resolve) => setTimeout(resolve, 300))
    return posted(url, body, again - 1)
  }
}

function filled (text: string, given: Record<string, string>): string {
  return text.replace(/\$\{?([a-z_]\w*)\}?/g, (_, name: string) => given[name] ?? given.all)
}

function line (target: Target, { metric, value, values }: Series, step: number): DataFrame {
  const samples = values ?? [value!]
  const name = legend(target, metric)
  return createDataFrame({
    refId: target.refId,
    name,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        config: { interval: step * 1000 },
        values: samples.map(([at]) => at * 1000)
      },
      {
        name: 'Value',
        type: FieldType.number,
        config: { displayNameFromDS: name },
        labels: metric,
        values: samples.map(([, text]) => number(text))
      }
    ]
  })
}

// What is no number is a gap, as for Grafana's own data source.
function number (text: string): number | null {
  const found = text.endsWith('Inf') ? parseFloat(text.replace('Inf', 'Infinity')) : parseFloat(text)
  return isNaN(found) ? null : found
}

function legend ({ legendFormat }: Target, metric: Record<string, string>): string {
  return (legendFormat ?? '').replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => metric[label] ?? '').trim()
}

function table (name: string, { refId }: Target, result: Series[]): DataFrame {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort()
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: result.map(({ value }) => value![0] * 1000) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        config: {},
        values: result.map(({ metric }) => metric[label] ?? '')
      })),
      {
        name,
        type: FieldType.number,
        config: {},
        values: result.map(({ value }) => number(value![1]))
      }
    ]
  })
}

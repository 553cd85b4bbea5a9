// What Grafana's own start registers: how options of fields are applied, and transformations.
import {
  DynamicConfigValue,
  FieldConfigOptionsRegistry,
  FieldConfigSource,
  identityOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
} from '@grafana/data'

const CUSTOM = 'custom.'

standardTransformersRegistry.setInit(() =>
  [...new Map(Object.values(standardTransformers).map((one: any) => [one.id, one])).values()].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation: async () => transformation,
    imageDark: '',
    imageLight: ''
  }) as any)
)

// Every option that the panel sets, taken as it is.
export function registry ({ defaults, overrides }: FieldConfigSource): FieldConfigOptionsRegistry {
  const standard = ['unit', 'decimals', 'min', 'max', 'color', 'mappings', 'thresholds', 'noValue', 'links', 'displayName']
  const changed = overrides.flatMap(({ properties }) => properties.map(({ id }: DynamicConfigValue) => id))
  const custom = Object.keys(defaults.custom ?? {}).map((name) => CUSTOM + name)
  const all = new Set([...standard, ...custom, ...changed])
  return new FieldConfigOptionsRegistry(() => [...all].map((id) => ({
    id,
    name: id,
    path: id.startsWith(CUSTOM) ? id.slice(CUSTOM.length) : id,
    isCustom: id.startsWith(CUSTOM),
    editor: () => null,
    override: () => null,
    process: identityOverrideProcessor,
    shouldApply: () => true
  }) as any))
}

"""A panel in Grafana's own words, by its library of builders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.build.palette import ENDINGS, LIMIT, SERIES, SKY, TONES
from dashboards.build.shapes import MANY, Panel, Query, Step, Word

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOKS = "https://github.com/sidewatch/sidewatch/blob/main/docs/runbooks"
TIME = "${__url_time_range}&${datasource:queryparam}"
LETTERS = "ABCDEFGHIJKLMNOP"
Builder = stat.Panel | timeseries.Panel | bargauge.Panel | table.Panel


def drawn(panel: Panel, place: model.GridPos, number: int) -> Builder:
    """The builder of a panel at its place."""
    builder = _of_kind(panel)
    builder.id(number).title(panel.title).description(description(panel)).datasource(SOURCE)
    builder.grid_pos(place).unit(panel.unit).thresholds(_thresholds(panel.steps))
    if panel.words:
        builder.mappings([_mapping(panel.words)])
    if panel.nothing:
        builder.no_value(panel.nothing)
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    for letter, query in zip(LETTERS, panel.queries, strict=False):
        builder.with_target(_target(panel, query, letter))
    return builder


def description(panel: Panel) -> str:
    """What it tells, what is normal, and the alerts that watch it, with their runbooks."""
    links = ", ".join(f"[{name}]({RUNBOOKS}/{name}.md)" for name in panel.alerts)
    watched = f"Watched by {links}." if links else "No alert watches this by itself."
    return f"{panel.tells}\n\nNormal: {panel.normal}\n\n{watched}"


def _target(panel: Panel, query: Query, letter: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(letter).expr(query.expression).datasource(SOURCE)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    target.legend_format(query.legend)
    if panel.kind == "bargauge":
        return target.instant().format(PromQueryFormat.TIME_SERIES)
    return target.range().exemplar(query.exemplars).format(PromQueryFormat.TIME_SERIES)


# -- one kind after another ------------------------------------------------------------------------


def _of_kind(panel: Panel) -> Builder:
    match panel.kind:
        case "stat":
            return _stat(panel)
        case "bargauge":
            return _bars(panel)
        case "timeseries":
            return _lines(panel)
        case "table":
            return _table(panel)


def _stat(panel: Panel) -> stat.Panel:
    builder = stat.Panel().reduce_options(_newest()).justify_mode(words.BigValueJustifyMode.CENTER)
    builder.color_mode(words.BigValueColorMode.VALUE).text_mode(words.BigValueTextMode.VALUE)
    builder.graph_mode(words.BigValueGraphMode.NONE).color_scheme(_by_threshold())
    builder.text(common.VizTextDisplayOptions().value_size(34))
    if panel.link:
        link = f"/d/{panel.link}?{TIME}&${{app:queryparam}}"
        builder.override_by_field_type("number", [_links(f"Open {panel.link}", link)])
    return builder


def _bars(panel: Panel) -> bargauge.Panel:
    builder = bargauge.Panel().reduce_options(_newest()).color_scheme(_by_threshold()).min(0)
    builder.orientation(words.VizOrientation.HORIZONTAL).show_unfilled(True)
    builder.display_mode(words.BarGaugeDisplayMode.BASIC)
    builder.value_mode(words.BarGaugeValueMode.TEXT)
    if panel.highest is not None:
        builder.max(panel.highest)
    return builder


def _lines(panel: Panel) -> timeseries.Panel:
    builder = timeseries.Panel().legend(_legend(panel)).tooltip(_tooltip()).line_width(2)
    builder.fill_opacity(25 if panel.stacked else 8).show_points(words.VisibilityMode.NEVER)
    builder.span_nulls(False).color_scheme(_shades(SKY))
    if panel.stepped:
        builder.line_interpolation(words.LineInterpolation.STEP_AFTER)
    if panel.log:
        scale = common.ScaleDistributionConfig().type(words.ScaleDistribution.SYMLOG).log(10)
        builder.scale_distribution(scale)
    elif not panel.negative:
        builder.min(0)
    if panel.highest is not None:
        builder.max(panel.highest)
    if panel.stacked:
        builder.stacking(common.StackingConfig().mode(words.StackingMode.NORMAL).group("A"))
    if panel.steps:
        style = common.GraphThresholdsStyleConfig().mode(words.GraphThresholdsStyleMode.DASHED)
        builder.thresholds_style(style)
    drawn_ones = [each for each in panel.queries if not each.goal]
    for letter, query in zip(LETTERS, panel.queries, strict=False):
        if query.goal:
            builder.override_by_query(letter, _limit())
            continue
        colour = SERIES[drawn_ones.index(query) % len(SERIES)]
        builder.override_by_query(letter, [_property("color", _shades(colour).build())])
        if len(drawn_ones) == 1:
            for ending, hue in ENDINGS:
                shades = [_property("color", _shades(hue).build())]
                builder.override_by_regexp(f"/{ending}$/i", shades)
        for pattern, tone in query.tones.items():
            fixed = {"mode": "fixed", "fixedColor": TONES[tone]}
            builder.override_by_regexp(f"/{pattern}/", [_property("color", fixed)])
    return builder


def _table(panel: Panel) -> table.Panel:
    builder = table.Panel().cell_height(words.TableCellHeight.SM).show_header(True)
    builder.align(words.FieldTextAlignment.LEFT)
    many = len(panel.queries) > 1
    names = {
        f"Value #{letter}" if many else "Value": query.column
        for letter, query in zip(LETTERS, panel.queries, strict=False)
    }
    if many:
        builder.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    order = {name: place for place, name in enumerate([*panel.order, *names], 1)}
    options = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}
    builder.with_transformation(model.DataTransformerConfig(id_val="organize", options=options))
    for query in panel.queries:
        builder.override_by_name(query.column, _column(query))
    for name in panel.order:
        if url := _destination(panel, name):
            builder.override_by_name(name, [_links(*url)])
    return builder


# -- their parts -----------------------------------------------------------------------------------


def _column(query: Query) -> list[model.DynamicConfigValue]:
    found = [_property("unit", query.unit)] if query.unit else []
    if query.words:
        found.append(_property("mappings", [_mapping(query.words).to_json()]))
    if query.steps:
        found.append(_property("thresholds", _thresholds(query.steps).build()))
    if query.steps or query.words:
        found.append(_property("custom.cellOptions", {"type": "color-text"}))
    return found


def _destination(panel: Panel, name: str) -> tuple[str, str] | None:
    """Where a click on a cell leads: an alert's runbook, or the panel's dashboard."""
    if name == "alertname":
        return "Open the runbook", f"{RUNBOOKS}/${{__data.fields.alertname}}.md"
    if not panel.link or name != panel.carries[0]:
        return None
    carried = "".join(f"&var-{each}=${{__data.fields.{each}}}" for each in panel.carries)
    return f"Open {panel.link}", f"/d/{panel.link}?{TIME}{carried}"


def _links(title: str, url: str) -> model.DynamicConfigValue:
    return _property("links", [{"title": title, "url": url}])


def _limit() -> list[model.DynamicConfigValue]:
    """An alert's own limit: dashed, without a name in the legend."""
    return [
        _property("color", {"mode": "fixed", "fixedColor": LIMIT}),
        _property("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
        _property("custom.lineWidth", 1),
        _property("custom.fillOpacity", 0),
        _property("custom.stacking", {"mode": "none", "group": "limit"}),
        _property("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
    ]


def _property(name: str, value: Any) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)


def _shades(colour: str) -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.SHADES).fixed_color(colour)


def _by_threshold() -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def _thresholds(steps: Sequence[Step]) -> build.ThresholdsConfig:
    """From each number on the colour of its tone; below the first of them, nothing is wrong."""
    if steps and steps[0][0] == 0:
        found = [model.Threshold(None, TONES[steps[0][1]])]
        steps = steps[1:]
    else:
        found = [model.Threshold(None, TONES["ok" if steps else "calm"])]
    found += [model.Threshold(value, TONES[tone]) for value, tone in steps]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(found)


def _mapping(given: Iterable[Word]) -> model.ValueMap:
    return model.ValueMap(
        {
            str(value): model.ValueMappingResult(text=text, color=TONES[tone], index=place)
            for place, (value, text, tone) in enumerate(given)
        }
    )


def _newest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _legend(panel: Panel) -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True)
    if panel.width < MANY:
        legend.display_mode(words.LegendDisplayMode.LIST).calcs([])
        return legend.placement(words.LegendPlacement.BOTTOM)
    legend.display_mode(words.LegendDisplayMode.TABLE).calcs(["lastNotNull", "max"])
    return legend.placement(words.LegendPlacement.RIGHT)


def _tooltip() -> common.VizTooltipOptions:
    tooltip = common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI)
    return tooltip.sort(words.SortOrder.DESCENDING)

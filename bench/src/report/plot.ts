import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use, type ComposeOption } from "echarts/core";
import type { BarSeriesOption, LineSeriesOption } from "echarts/charts";
import type { GridComponentOption, LegendComponentOption, TitleComponentOption } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
import { describeMachine } from "./machine.ts";
import type { BenchResult, CurveResult, Figure, MeasurementResult } from "./results.ts";

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

type Options = ComposeOption<BarSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption | TitleComponentOption>;

/** A drawing of a bench. */
export interface Plot {
  /** Part of the file's name. Empty for the comparison of variants. */
  readonly suffix: string;
  readonly svg: string;
}

const WIDTH = 860;
/** Colours that differ in brightness too, for readers who can't tell some of them apart. */
const COLORS = ["#0b6bcb", "#e0912f", "#2f9e77", "#9a3f9e", "#6b7280"];
const BASELINE_COLOR = "#9ca3af";

/** Draws all measurements with a baseline as ratios, and each curve in a plot of its own. */
export function plotsOf(result: BenchResult): readonly Plot[] {
  const compared = result.measurements.filter(({ baseline }) => baseline !== undefined);
  const plots = result.curves.map((curve) => ({ suffix: slugOf(curve.title), svg: render(curveOptions(result, curve), 380) }));
  if (compared.length === 0) return plots;
  const panels = panelsOf(compared);
  const height = panels.reduce((bottom, { top, height }) => Math.max(bottom, top + height), 0) + 24;
  return [{ suffix: "", svg: render(ratioOptions(result, panels), height) }, ...plots];
}

function render(options: Options, height: number): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: "#ffffff", color: COLORS, ...options });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

/** The bars of one measurement, with an axis of its own. Pixels from the top. */
interface Panel {
  readonly measurement: MeasurementResult;
  readonly top: number;
  readonly height: number;
}

function panelsOf(measurements: readonly MeasurementResult[]): readonly Panel[] {
  let top = 64;
  return measurements.map((measurement) => {
    const panel = { measurement, top: top + 28, height: measurement.figures.length * 24 };
    top = panel.top + panel.height;
    return panel;
  });
}

/** A panel for each measurement: bars of ratios to its baseline, with the spread of the rounds. */
function ratioOptions(result: BenchResult, panels: readonly Panel[]): Options {
  const names = [...new Set(panels.flatMap(({ measurement }) => measurement.figures.map(({ name }) => name)))];
  return {
    title: [
      titleOf(result, result.bench),
      ...panels.map(({ measurement, top }) => ({
        text: `${measurement.title} (${measurement.unit}; ${directionOf(measurement.unit)} is better)`,
        left: 20,
        top: top - 22,
        textStyle: { fontSize: 12 },
      })),
    ],
    grid: panels.map(({ top, height }) => ({ left: 290, right: 250, top, height })),
    xAxis: panels.map((_, gridIndex) => ({ gridIndex, type: "value", min: 0, show: false })),
    yAxis: panels.map(({ measurement }, gridIndex) => ({
      gridIndex,
      type: "category",
      inverse: true,
      data: measurement.figures.map(({ name }) => name),
      axisTick: { show: false },
      axisLabel: { width: 260, overflow: "break" },
    })),
    series: panels.map(({ measurement: { figures, baseline } }, index) => ({
      type: "bar",
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 14,
      data: figures.map((figure) => ({
        value: figure.ratio?.median ?? 0,
        itemStyle: { color: figure.name === baseline ? BASELINE_COLOR : colorAt(names.indexOf(figure.name)) },
        label: { show: true, position: "right", formatter: labelOf(figure, figure.name === baseline) },
      })),
    })),
  };
}

function colorAt(index: number): string {
  return COLORS[index % COLORS.length] ?? BASELINE_COLOR;
}

function directionOf(unit: string): "more" | "less" {
  return unit.endsWith("/s") ? "more" : "less";
}

function labelOf({ ratio, cpuRatio, median }: Figure, isBaseline: boolean): string {
  if (isBaseline) return `1 × = ${rounded(median).toLocaleString("en")} here`;
  if (ratio === undefined) return "not measured";
  const spread = `${rounded(ratio.median)} × (${rounded(ratio.min)} – ${rounded(ratio.max)})`;
  return cpuRatio === undefined ? spread : `${spread}, CPU ${rounded(cpuRatio.median)} ×`;
}

function curveOptions(result: BenchResult, { title, unit, axis, series }: CurveResult): Options {
  return {
    title: titleOf(result, title),
    legend: { bottom: 8, itemGap: 48 },
    grid: { left: 30, right: 40, top: 80, bottom: 70, outerBoundsMode: "same" },
    xAxis: { type: "log", name: axis, nameLocation: "middle", nameGap: 28 },
    yAxis: { type: "value", name: unit, min: 0 },
    series: series.map(({ name, points }) => ({
      name,
      type: "line",
      symbolSize: 7,
      data: points.map(({ at, median }) => [at, median]),
    })),
  };
}

function titleOf({ machine, rounds, measuredAt }: BenchResult, text: string): TitleComponentOption {
  const subtext = `${describeMachine(machine)}; medians of ${rounds} rounds, ${measuredAt.slice(0, 10)}`;
  return { text, subtext, left: 20, top: 8, textStyle: { fontSize: 14 } };
}

function rounded(value: number): number {
  return Number(value.toPrecision(value < 10 ? 2 : 3));
}

function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

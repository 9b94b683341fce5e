import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import { init, use, type ComposeOption } from "echarts/core";
import type { BarSeriesOption, LineSeriesOption } from "echarts/charts";
import type { GridComponentOption, LegendComponentOption, MarkLineComponentOption, TitleComponentOption } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
import { describeMachine } from "./machine.ts";
import type { BenchResult, CurveResult, MeasurementResult } from "./results.ts";

use([BarChart, LineChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer]);

type Options = ComposeOption<
  BarSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption | MarkLineComponentOption | TitleComponentOption
>;

/** A drawing of a bench. */
export interface Plot {
  /** Part of the file's name. Empty for the comparison of variants. */
  readonly suffix: string;
  readonly svg: string;
}

const WIDTH = 860;
/** Colours that differ in brightness too, for readers who can't tell some of them apart. */
const COLORS = ["#0b6bcb", "#e0912f", "#2f9e77", "#9a3f9e", "#6b7280"];

/** Draws all measurements with a baseline as ratios, and each curve in a plot of its own. */
export function plotsOf(result: BenchResult): readonly Plot[] {
  const compared = result.measurements.filter(({ baseline }) => baseline !== undefined);
  const plots = result.curves.map((curve) => ({ suffix: slugOf(curve.title), svg: render(curveOptions(result, curve), 380) }));
  if (compared.length === 0) return plots;
  const height = 130 + compared.reduce((sum, { figures }) => sum + 22 + figures.length * 16, 0);
  return [{ suffix: "", svg: render(ratioOptions(result, compared), height) }, ...plots];
}

function render(options: Options, height: number): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: "#ffffff", color: COLORS, ...options });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

/** Bars beside a line at 1: longer is more than the baseline. */
function ratioOptions(result: BenchResult, measurements: readonly MeasurementResult[]): Options {
  const names = [
    ...new Set(measurements.flatMap(({ figures, baseline }) => figures.flatMap(({ name }) => (name === baseline ? [] : [name])))),
  ];
  const baselines = [...new Set(measurements.flatMap(({ baseline }) => baseline ?? []))];
  return {
    title: titleOf(result, `${result.bench}, as multiples of: ${baselines.join("; ")}`),
    legend: { bottom: 8, icon: "rect", itemGap: 48 },
    grid: { left: 60, right: 60, top: 70, bottom: 50, outerBoundsMode: "same" },
    xAxis: { type: "value", min: 0, axisLabel: { formatter: "{value} ×" } },
    yAxis: {
      type: "category",
      inverse: true,
      data: measurements.map(({ title }) => title),
      axisLabel: { width: 280, overflow: "break" },
    },
    series: names.map((name, index) => ({
      name,
      type: "bar",
      barGap: "10%",
      label: { show: true, position: "right", formatter: "{c} ×" },
      data: measurements.map(({ figures }) => rounded(figures.find((figure) => figure.name === name)?.ratio?.median)),
      ...(index === 0 && {
        markLine: { symbol: "none", silent: true, label: { show: false }, lineStyle: { type: "dashed" }, data: [{ xAxis: 1 }] },
      }),
    })),
  };
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

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toPrecision(value < 10 ? 2 : 3));
}

function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

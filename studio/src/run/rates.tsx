import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { ratesOf, type Samples } from "../api/live-task.ts";
import { useSamples } from "../api/queries.ts";
import { clock } from "../format.ts";
import "uplot/dist/uPlot.min.css";
import { Region } from "../ui/region.tsx";

/** Validated for both themes and for colour-blind readers; the lines differ by their dashes too. */
const colours = ["#4f7df0", "#d97706", "#0f9b6c", "#c2418f", "#7c5cd6", "#4b93a8"];
/** Possible distances between the labels of the time axis, which show whole seconds. */
const secondsBetween = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];
const mostLines = 24;
const dashes = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

/** The batches per second of each node since this page started to listen. */
export function Rates({ id }: { readonly id: string }) {
  const samples = useSamples(id);
  if (samples === undefined || samples.at.length < 3) {
    return (
      <div className="empty">
        <h2>No rates yet</h2>
        <p>They are measured while this page is open and the run stores batches.</p>
      </div>
    );
  }
  return (
    <Region label="Rates" className="padded">
      <h2>Batches per second, by node</h2>
      <Chart samples={samples} />
    </Region>
  );
}

function Chart({ samples }: { readonly samples: Samples }) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  // Omits nodes without batches, since there may be hundreds of nodes.
  const rates = new Map([...ratesOf(samples)].filter(([, list]) => list.some((rate) => rate > 0)).slice(0, mostLines));
  const ids = [...rates.keys()];
  const idsText = JSON.stringify(ids);
  const data: uPlot.AlignedData = [
    samples.at.slice(1).map((at) => at / 1_000),
    ...[...rates.values()].map((list) => [...list]),
  ];
  const newest = useRef(data);
  newest.current = data;
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    const style = getComputedStyle(target);
    const axis = {
      stroke: style.getPropertyValue("--text-muted"),
      grid: { stroke: style.getPropertyValue("--line"), width: 1 },
      ticks: { stroke: style.getPropertyValue("--line"), width: 1 },
    };
    const chart = new uPlot(
      {
        width: target.clientWidth,
        height: 300,
        legend: { live: false },
        axes: [
          { ...axis, space: 90, incrs: secondsBetween, values: (_, splits) => splits.map((at) => clock(1_000 * at)) },
          { ...axis, size: 56 },
        ],
        scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
        series: [
          {},
          ...(JSON.parse(idsText) as string[]).map((label, index) => ({
            label,
            stroke: colours[index % colours.length] ?? "",
            dash: dashes[Math.floor(index / colours.length) % dashes.length] ?? [],
            width: 1.5,
            points: { show: false },
          })),
        ],
      },
      newest.current,
      target,
    );
    plot.current = chart;
    const watcher = new ResizeObserver(() => chart.setSize({ width: target.clientWidth, height: 300 }));
    watcher.observe(target);
    return () => {
      watcher.disconnect();
      chart.destroy();
      plot.current = undefined;
    };
  }, [idsText]);
  useEffect(() => plot.current?.setData(data));
  return <div className="chart" ref={element} />;
}

import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useReducer, useRef, useState } from "preact/hooks";

/** A long list of rows of one height, of which only the visible ones are in the page. */
export function VirtualRows<Row>({
  label,
  columns,
  rows,
  render,
}: {
  label: string;
  /** Names of the columns. */
  columns: readonly string[];
  rows: readonly Row[];
  /** The cells of a row. */
  render: (row: Row) => readonly ComponentChildren[];
}): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const options = {
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw(undefined),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLDivElement, HTMLDivElement>(options));
  virtualizer.setOptions(options);
  // The names by which adapters of frameworks call it.
  // oxlint-disable no-underscore-dangle
  useEffect(() => virtualizer._didMount(), [virtualizer]);
  useEffect(() => virtualizer._willUpdate());
  // oxlint-enable no-underscore-dangle
  return (
    <div class="rows" role="table" aria-label={label} aria-rowcount={rows.length + 1}>
      <div role="rowgroup">
        <div class="row head" role="row" aria-rowindex={1}>
          {columns.map((name) => (
            <span key={name} role="columnheader">
              {name}
            </span>
          ))}
        </div>
      </div>
      <div class="rows-scroller" ref={scroller} tabIndex={0} role="rowgroup" aria-label={`${label}: rows`}>
        <div class="rows-space" role="presentation" style={{ height: `${virtualizer.getTotalSize()}px` }}>
          {virtualizer.getVirtualItems().map(({ index, start }) => {
            const row = rows[index];
            if (row === undefined) return null;
            const cells = render(row);
            return (
              <div key={index} class="row" role="row" aria-rowindex={index + 2} style={{ transform: `translateY(${start}px)` }}>
                {cells.map((cell, at) => (
                  <span key={columns[at]} role="cell">
                    {cell}
                  </span>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** As in the style sheet. */
const ROW_HEIGHT = 30;

// Charts in SVG, drawn by hand: each is one function from figures to markup.
import {html, none, colour, amount, span} from './lib.js'

const step = max => { const p = 10 ** Math.floor(Math.log10(max || 1)); return [0.2, 0.5, 1, 2, 5].map(s => s * p).find(s => max / s <= 5) ?? 10 * p }

// legend of names in their colours.
export const legend = names => html`<p class="legend">${names.map(n => html`<span><i class="key" style="background:${colour(n)}"></i>${n}</span>`)}</p>`

// columns draws stacked columns: labels along the axis, series as [{name, values}], one value a label.
export function columns(labels, series, {unit = '', height = 220, line} = {}) {
  if (!labels.length) return html`<p class="dim">Nothing to draw yet.</p>`
  const sums = labels.map((_, i) => series.reduce((t, s) => t + Math.max(0, s.values[i] ?? 0), 0))
  const top = Math.max(...sums, ...(line ? line.values.map(v => v ?? 0) : [0]), 1e-12), by = step(top), max = Math.ceil(top / by) * by
  const w = 720, left = 56, bottom = 26, h = height - bottom - 8, x = i => left + (w - left - 4) * i / labels.length, y = v => 8 + h - h * v / max
  const width = Math.max(1, Math.min(46, (w - left) / labels.length * .72)), each = Math.ceil(labels.length / 8)
  const ticks = []
  for (let v = 0; v <= max * 1.0001; v += by) ticks.push(v)
  const middle = i => x(i) + (w - left - 4) / labels.length / 2
  return html`<div class="chart"><svg viewBox="0 0 ${w} ${height}" role="img" aria-label="${`${series.map(s => s.name).join(', ')} over ${labels[0]} to ${labels.at(-1)}, up to ${amount(top)} ${unit}`}">
  ${ticks.map(v => html`<line class="grid" x1="${left}" x2="${w}" y1="${y(v).toFixed(1)}" y2="${y(v).toFixed(1)}"/><text class="tick" x="${left - 6}" y="${(y(v) + 4).toFixed(1)}" text-anchor="end">${amount(v)}</text>`)}
  ${labels.map((l, i) => {
    let from = 0
    return html`<g>${series.map(s => {
      const v = s.values[i] ?? 0
      if (v <= 0) return none
      const r = html`<rect x="${(middle(i) - width / 2).toFixed(1)}" width="${width.toFixed(1)}" y="${y(from + v).toFixed(1)}" height="${Math.max(.8, y(from) - y(from + v)).toFixed(1)}" fill="${colour(s.name)}"><title>${l} · ${s.name}: ${amount(v, 6)} ${unit}</title></rect>`
      from += v
      return r
    })}</g>${i % each ? none : html`<text class="tick" x="${middle(i).toFixed(1)}" y="${height - 8}" text-anchor="middle">${l}</text>`}`
  })}
  ${line ? html`<polyline class="stroke" style="stroke:${colour(line.name)}" points="${line.values.map((v, i) => v === null || v === undefined ? '' : `${middle(i).toFixed(1)},${y(v).toFixed(1)}`).join(' ')}"/>${line.values.map((v, i) => v === null || v === undefined ? none : html`<circle cx="${middle(i).toFixed(1)}" cy="${y(v).toFixed(1)}" r="3" fill="${colour(line.name)}"><title>${labels[i]} · ${line.name}: ${amount(v, 6)} ${unit}</title></circle>`)}` : none}
  </svg></div>${series.length + (line ? 1 : 0) > 1 ? legend([...series.map(s => s.name), ...(line ? [line.name] : [])]) : none}`
}

// shares draws one bar a row, longest first: [{name, value, note}].
export const shares = (list, unit = '') => {
  const max = Math.max(...list.map(r => r.value), 1e-12)
  return html`<div class="shares">${list.map(r => html`<div><span class="name">${r.name}</span><span class="track"><i style="width:${(100 * r.value / max).toFixed(2)}%;background:${r.colour ?? colour(r.key ?? 'share')}"></i></span><span class="n">${r.note ?? `${amount(r.value)} ${unit}`}</span></div>`)}</div>`
}

// traces draws what was seen over time as steps: series as [{name, points: [[ms, value], …]}].
export function traces(series, {height = 120, seconds = 120} = {}) {
  const now = Date.now(), w = 720, left = 40, h = height - 26, all = series.flatMap(s => s.points.map(p => p[1])), top = Math.max(1, ...all), by = Math.max(1, step(top)), max = Math.ceil(top / by) * by
  const x = t => left + (w - left) * (1 - (now - t) / (seconds * 1000)), y = v => 6 + h - h * v / max
  return html`<div class="chart fit"><svg viewBox="0 0 ${w} ${height}" role="img" aria-label="${series.map(s => `${s.name}: ${s.points.at(-1)?.[1] ?? 0}`).join(', ')}">
  ${[0, max / 2, max].map(v => html`<line class="grid" x1="${left}" x2="${w}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="${left - 6}" y="${y(v) + 4}" text-anchor="end">${amount(v)}</text>`)}
  ${[seconds, seconds / 2, 0].map(s => html`<text class="tick" x="${x(now - s * 1000)}" y="${height - 6}" text-anchor="${s === seconds ? 'start' : s ? 'middle' : 'end'}">${s ? `${s} s ago` : 'now'}</text>`)}
  ${series.map(s => html`<polyline class="stroke" style="stroke:${colour(s.name)}" points="${s.points.flatMap(([t, v], i, a) => { const px = Math.max(left, x(t)).toFixed(1), at = `${px},${y(v).toFixed(1)}`; return i ? [`${px},${y(a[i - 1][1]).toFixed(1)}`, at] : [at] }).join(' ')}"/>`)}
  </svg></div>${legend(series.map(s => s.name))}`
}

// gantt draws lanes of bars: lanes as [{name, rows: [[{from, to, kind, title, id, parts}]]}], times in ms.
export function gantt(lanes, from, to, selected) {
  const rowHeight = 16, gap = 3, left = 130, w = 1000, width = Math.max(1, to - from), x = t => left + (w - left - 2) * (t - from) / width
  let y = 4
  const body = lanes.map(lane => {
    const top = y
    const bars = lane.rows.map(row => {
      const out = row.map(b => html`<g class="attempt ${b.kind}${b.id === selected ? ' selected' : ''}" data-do="attempt" data-id="${b.id}" tabindex="0" role="button" aria-label="${b.title}"><title>${b.title}</title>
        <rect x="${x(b.from).toFixed(1)}" y="${y}" width="${Math.max(1.5, x(b.to) - x(b.from)).toFixed(1)}" height="${rowHeight}" rx="2"/>${(b.parts ?? []).map(p => html`<rect class="${p.kind}" x="${x(p.from).toFixed(1)}" y="${y}" width="${Math.max(0, x(p.to) - x(p.from)).toFixed(1)}" height="${rowHeight}"/>`)}</g>`)
      y += rowHeight + gap
      return out
    })
    y += 5
    return html`<text class="tick lane" x="0" y="${top + 12}">${lane.name}</text>${bars}<line class="grid" x1="0" x2="${w}" y1="${y - 3}" y2="${y - 3}"/>`
  })
  const marks = [0, .25, .5, .75, 1]
  return html`<div class="chart gantt"><svg viewBox="0 0 ${w} ${y + 18}" role="group" aria-label="Attempts over time, by worker">
  ${marks.map(m => html`<line class="grid" x1="${x(from + m * width).toFixed(1)}" x2="${x(from + m * width).toFixed(1)}" y1="0" y2="${y}"/><text class="tick" x="${x(from + m * width).toFixed(1)}" y="${y + 13}" text-anchor="${m === 1 ? 'end' : m ? 'middle' : 'start'}">${span(m * width)}</text>`)}
  ${body}</svg></div>`
}

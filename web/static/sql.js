// The SQL editor: tables beside it, rows as they arrive, chart, export, history, saved queries, links that can be shared.
import {html, none, num, kept, save, table, queryError, morph, rows as select, amount} from './lib.js'
import {columns} from './charts.js'

const shown = 1000
const first = 'select project, sum(sales) as sales, round(sum(volume_eth), 3) as volume_eth\nfrom gold.market_kpi_daily group by project order by volume_eth desc'
const tell = (text, kind) => dispatchEvent(new CustomEvent('lode-say', {detail: {text, kind}}))
const formats = {csv: ['text/csv', 'CSV'], parquet: ['application/vnd.apache.parquet', 'Parquet'], arrow: ['application/vnd.apache.arrow.stream', 'Arrow'], ndjson: ['application/x-ndjson', 'JSON lines']}
const examples = [
  ['Volume per marketplace', first],
  ['Biggest sales', "select block_time, project, nft_contract_address, token_id, price_eth, price_usd, buyer\nfrom silver.nft_trades where price_check <> 'mirror' and buyer <> seller\norder by price_eth desc nulls last limit 20"],
  ['Top collections', 'select rank, contract_address, round(volume_eth, 3) as volume_eth\nfrom gold.top_collections where window_name = \'all\' order by rank limit 20'],
  ['Sales per day', 'select block_date, sum(sales) as sales from gold.market_kpi_daily group by block_date order by block_date'],
  ['What could not be decoded', 'select reason, count(*) as logs from silver.decode_quarantine group by reason order by logs desc'],
  ['Interactions per customer', 'select customer_id, sum(interactions) as interactions\nfrom gold.interaction_counts group by customer_id order by interactions desc limit 20'],
]

const where = '/query/v1/query'
const post = (sql, accept, signal) => fetch(where, {method: 'POST', signal, headers: {'Content-Type': 'text/plain', Accept: accept}, body: sql})

// read takes rows as they arrive, up to a number of them; what is beyond is not fetched.
async function read(sql, limit, abort, progress) {
  const r = await post(sql, formats.ndjson[0], abort.signal)
  if (!r.ok) throw queryError(await r.text(), r.status)
  const reader = r.body.pipeThrough(new TextDecoderStream()).getReader(), out = []
  let rest = '', more = false
  for (;;) {
    const {value, done} = await reader.read()
    if (done) break
    const lines = (rest + value).split('\n')
    rest = lines.pop()
    for (const l of lines) if (l) out.push(JSON.parse(l))
    if (out.length > limit) { more = true; out.length = limit; await reader.cancel(); break }
    progress(out.length)
  }
  if (rest && !more) out.push(JSON.parse(rest))
  return {rows: out, more}
}

const value = v => v === null ? html`<span class="dim">null</span>` : typeof v === 'object' ? JSON.stringify(v)
  : typeof v === 'string' && /^0x[0-9a-f]{40}$/.test(v) ? html`<code title="${v}">${v.slice(0, 8)}…${v.slice(-6)}</code> <a href="#wallet/${v}" aria-label="Wallet ${v}">wallet</a>` : typeof v === 'string' && v.length > 80 ? html`<span title="${v}">${v.slice(0, 78)}…</span>` : v

function chart(result) {
  const r = result.rows, heads = Object.keys(r[0] ?? {}), numbers = heads.filter(h => r.every(x => x[h] === null || typeof x[h] === 'number') && r.some(x => x[h] !== null)), label = heads.find(h => !numbers.includes(h)) ?? heads[0]
  const drawn = numbers.filter(h => h !== label)
  if (!drawn.length || r.length < 2) return html`<p class="dim">A chart needs at least two rows, a column of names or dates, and a column of numbers.</p>`
  return html`${drawn.slice(0, 3).map(h => html`<h3>${h} by ${label}</h3>${columns(r.slice(0, 200).map(x => String(x[label] ?? '')).map(t => t.length > 14 ? t.slice(0, 6) + '…' + t.slice(-4) : t), [{name: h, values: r.slice(0, 200).map(x => x[h])}])}`)}`
}

export async function sql(page) {
  const s = page.state
  const draft = page.query.get('q') ?? kept.get('sql', first)
  page.show(html`<h1>SQL</h1><div class="editor"><aside aria-label="Tables"><details id="tables" open><summary>Tables</summary><div id="schema"><p class="dim">…</p></div></details></aside>
  <div class="work"><label class="sr" for="q">SQL statement</label><textarea id="q" spellcheck="false" autocapitalize="off" data-keep>${draft}</textarea>
  <div class="row"><button type="button" id="run" data-do="run">Run</button><button type="button" id="stop" class="quiet" data-do="stop" disabled>Stop</button><span class="dim">Ctrl-Enter runs, Esc stops.</span>
  <span class="push"></span><button type="button" class="small" data-do="share">Copy link</button><button type="button" class="small" data-do="keep">Save query</button></div>
  <div class="row"><label class="dim" for="example">Examples and saved queries</label><select id="example" data-do="pick" data-keep></select><button type="button" class="plain" data-do="forget" id="forget" hidden>Forget this one</button></div>
  <div id="answer" aria-live="polite"></div><details id="past"><summary>History</summary><div id="history"></div></details></div></div>`)
  const q = document.getElementById('q'), answer = document.getElementById('answer'), run = document.getElementById('run'), stop = document.getElementById('stop'), pick = document.getElementById('example')
  if (innerWidth < 800) document.getElementById('tables').open = false

  const menu = () => {
    const saved = kept.get('saved', [])
    pick.innerHTML = html`<option value="">choose …</option>${saved.length ? html`<optgroup label="Saved here">${saved.map((x, i) => html`<option value="s${i}">${x.name}</option>`)}</optgroup>` : none}<optgroup label="Examples">${examples.map(([n], i) => html`<option value="e${i}">${n}</option>`)}</optgroup>`.toString()
    document.getElementById('forget').hidden = true
  }
  const past = () => {
    const list = kept.get('history', [])
    document.getElementById('history').innerHTML = (list.length ? html`<ul class="history">${list.map((h, i) => html`<li><button type="button" class="plain" data-do="again" data-index="${i}"><code>${h.sql.replace(/\s+/g, ' ').slice(0, 140)}</code></button> <span class="dim">${new Date(h.at).toLocaleString('sv')}${h.rows === undefined ? ', failed' : `, ${num(h.rows)} rows`}</span></li>`)}</ul>` : html`<p class="dim">Nothing has been run yet.</p>`).toString()
  }
  const result = () => {
    if (!s.result) return
    const {rows, more, ms} = s.result, heads = Object.keys(rows[0] ?? {})
    answer.innerHTML = html`<div class="row between"><p class="dim" role="status">${more ? `The first ${num(rows.length)} rows` : `${num(rows.length)} row${rows.length === 1 ? '' : 's'}`} in ${num(ms)} ms</p>
    <div class="row"><button type="button" class="small${s.chart ? '' : ' quiet'}" data-do="chart" aria-pressed="${s.chart ? 'true' : 'false'}">Chart</button>${Object.entries(formats).map(([k, [, name]]) => html`<button type="button" class="small quiet" data-do="export" data-format="${k}">${name}</button>`)}</div></div>
    ${s.chart ? chart(s.result) : table(heads.map(h => typeof rows.find(r => r[h] !== null)?.[h] === 'number' ? '#' + h : h), rows.map(r => heads.map(h => value(r[h]))), 'The statement is right and has no rows.')}`.toString()
  }
  const failed = e => { answer.innerHTML = html`<div class="error" role="alert"><b>${e.code ?? (e.status === 502 ? 'no query service' : 'not answered')}</b> <span>${e.message}</span>${e.code === '42P01' ? html`<p>No such table. The list beside the editor has those that are there; gold tables come from: <code>lode job submit nft-gold --wait</code></p>` : e.code === '42501' ? html`<p>Statements here read; they do not write.</p>` : e.status === 502 ? html`<p>Start one with: <code>lode query</code></p>` : none}</div>`.toString() }

  page.on.run = async () => {
    s.abort?.abort()
    const abort = s.abort = new AbortController(), text = q.value.trim(), began = performance.now()
    if (!text) return
    page.signal.addEventListener('abort', () => abort.abort(), {once: true})
    kept.set('sql', q.value)
    history.replaceState(null, '', '#sql?q=' + encodeURIComponent(text))
    run.disabled = true; stop.disabled = false
    answer.innerHTML = '<p class="dim" role="status">running…</p>'
    const entry = {sql: text, at: Date.now()}
    try {
      s.result = {...await read(text, shown, abort, n => { if (n) answer.firstElementChild.textContent = `${num(n)} rows…` }), sql: text}
      s.result.ms = Math.round(performance.now() - began)
      entry.rows = s.result.rows.length
      result()
    } catch (e) {
      if (page.signal.aborted) return
      if (e.name === 'AbortError') answer.innerHTML = '<p class="dim" role="status">Stopped.</p>'; else failed(e)
    } finally {
      if (s.abort === abort) { run.disabled = false; stop.disabled = true }
    }
    kept.set('history', [entry, ...kept.get('history', []).filter(h => h.sql !== text)].slice(0, 50))
    past()
  }
  page.on.stop = () => s.abort?.abort()
  page.on.chart = () => { s.chart = !s.chart; result() }
  page.on.export = async el => {
    const [media, name] = formats[el.dataset.format]
    el.disabled = true
    try {
      const r = await post(s.result.sql, media, page.signal)
      if (!r.ok) throw queryError(await r.text(), r.status)
      save(await r.blob(), 'lode.' + el.dataset.format)
      tell(`All rows, as ${name}`)
    } finally { el.disabled = false }
  }
  page.on.share = async el => {
    const url = location.origin + location.pathname + '#sql?q=' + encodeURIComponent(q.value.trim())
    try { await navigator.clipboard.writeText(url); tell('The link is in the clipboard') } catch { prompt('The link:', url) }
  }
  page.on.keep = () => {
    const name = prompt('Name of the query:')?.trim()
    if (!name) return
    kept.set('saved', [...kept.get('saved', []).filter(x => x.name !== name), {name, sql: q.value}].sort((a, b) => a.name < b.name ? -1 : 1))
    menu(); tell(`Saved in this browser as ${name}`)
  }
  page.on.pick = () => {
    const v = pick.value, i = Number(v.slice(1)), text = v[0] === 's' ? kept.get('saved', [])[i]?.sql : v ? examples[i][1] : ''
    document.getElementById('forget').hidden = v[0] !== 's'
    if (text) { q.value = text; q.focus() }
  }
  page.on.forget = () => { const i = Number(pick.value.slice(1)); kept.set('saved', kept.get('saved', []).filter((_, n) => n !== i)); menu() }
  page.on.again = el => { const h = kept.get('history', [])[Number(el.dataset.index)]; if (h) { q.value = h.sql; page.on.run() } }
  page.on.insert = el => { q.setRangeText(el.dataset.text, q.selectionStart, q.selectionEnd, 'end'); q.focus() }
  page.on.peek = el => { q.value = `select * from ${el.dataset.text} limit 100`; page.on.run() }
  q.addEventListener('input', () => kept.set('sql', q.value))
  q.addEventListener('keydown', e => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); page.on.run() }
    if (e.key === 'Escape') page.on.stop()
  })
  menu(); past()
  schema(page)
  if (page.query.get('q')) page.on.run()
  return 0
}

// schema draws the tables and columns that information_schema has.
async function schema(page) {
  let list
  try { list = await select("select table_schema as s, table_name as t, column_name as c, data_type as d from information_schema.columns where table_schema in ('bronze','silver','gold','etl') order by table_schema, table_name, ordinal_position", [], page.signal) } catch (e) {
    if (!page.signal.aborted) morph(document.getElementById('schema'), html`<p class="dim">The tables cannot be listed: ${e.message}</p>`)
    return
  }
  const spaces = new Map()
  for (const r of list) { if (!spaces.has(r.s)) spaces.set(r.s, new Map()); const t = spaces.get(r.s); if (!t.has(r.t)) t.set(r.t, []); t.get(r.t).push(r) }
  const order = ['gold', 'silver', 'bronze', 'etl']
  const at = document.getElementById('schema')
  if (at && !page.signal.aborted) morph(at, spaces.size ? html`${order.filter(n => spaces.has(n)).map(n => html`<h3>${n}</h3>${[...spaces.get(n)].map(([t, cols]) => html`<details><summary>${t}</summary><p><button type="button" class="small" data-do="peek" data-text="${n}.${t}">First 100 rows</button></p><ul class="columns">${cols.map(c => html`<li><button type="button" class="plain" data-do="insert" data-text="${c.c}">${c.c}</button> <span class="dim">${c.d.toLowerCase()}</span></li>`)}</ul></details>`)}`)}` : html`<p class="dim">No tables yet. Fill them with: <code>lode ingest geth …</code> and <code>lode job submit nft-gold --wait</code></p>`)
}

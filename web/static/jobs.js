// Jobs: the list with the workers, and one job with its stages, attempts, skew, counters and logs.
import {html, none, num, bytes, when, span, ago, card, pill, bar, table, json, colour, dot, plural, failure, command} from './lib.js'
import {gantt, shares} from './charts.js'

const kinds = {FINISHED: 'ok', SUCCEEDED: 'ok', FAILED: 'bad', KILLED: 'bad', RUNNING: 'warn', LOST: 'bad', COMMIT_PENDING: 'warn'}
const state = s => pill(s.toLowerCase().replaceAll('_', ' '), kinds[s] ?? '')
const parts = j => j.finished_ms > 0 ? 1 : Number(j.reduces_total) ? (2 * j.map_progress + j.reduce_progress) / 3 : j.map_progress

export async function jobs(page) {
  let list, cluster
  try {
    [list, cluster] = await Promise.all([json('/scheduler/api/jobs', {signal: page.signal}), json('/scheduler/api/workers', {signal: page.signal})])
  } catch (e) {
    if (page.signal.aborted) return 0
    page.show(html`<h1>Jobs</h1>${failure(new Error(`The scheduler does not answer: ${e.message}`))}<p class="dim">It is part of lode standalone; alone it starts with:</p>${command('lode scheduler')}`)
    return 3000
  }
  const jobs = list.jobs ?? [], workers = cluster.workers ?? [], live = workers.filter(w => w.state !== 'LOST'), running = jobs.filter(j => !(j.finished_ms > 0))
  page.show(html`<h1>Jobs</h1>
  <div class="cards">${card('running', num(running.length), running.length ? 'warn' : '')}${card('succeeded', num(jobs.filter(j => j.state === 'SUCCEEDED').length))}${card('failed or killed', num(jobs.filter(j => j.state === 'FAILED' || j.state === 'KILLED').length))}${card(`slots busy of ${num(live.reduce((n, w) => n + w.slots, 0))}`, num(live.reduce((n, w) => n + w.running.length, 0)))}</div>
  ${table(['Job', 'Name', 'User', 'Queue', 'State', 'Progress', '#Maps', '#Reduces', 'Submitted', '#Time'], jobs.slice(0, 500).map(j => [
    html`<a href="#job/${j.spec.id}">${j.spec.id}</a>`, j.name, j.spec.user, j.spec.queue, state(j.state), bar(parts(j)), `${num(j.maps_done)}/${num(j.maps_total)}`, `${num(j.reduces_done)}/${num(j.reduces_total)}`,
    when(j.spec.submitted_ms), Number(j.started_ms) ? span((Number(j.finished_ms) || Date.now()) - j.started_ms) : '']), 'No job has run yet.')}
  ${jobs.length ? none : html`<p>Count words, for example:</p>${command('lode job submit wordcount /books /out/words')}`}
  <h2>Workers</h2>
  ${table(['Worker', 'Host', 'Rack', 'State', 'Slots', '#Memory', 'Last heard', 'Runs now', 'Protections in force'], workers.map(w => [html`${dot(w.id)} ${w.id}`, w.host, w.rack || '/default-rack', pill(w.state === 'LOST' ? 'lost' : 'alive', w.state === 'LOST' ? 'bad' : 'ok'),
    html`<span class="slots" role="img" aria-label="${w.running.length} of ${w.slots} busy">${Array.from({length: w.slots}, (_, i) => html`<i class="${i < w.running.length ? 'busy' : ''}"></i>`)}</span>`, bytes(w.memory_mb * 1048576), ago(w.last_seen_ms),
    w.running.length ? w.running.map(a => html`<code>${a.replace(/^attempt_\d+_/, '')}</code> `) : html`<span class="dim">nothing</span>`, html`<span class="wrap">${(w.protections ?? []).join(', ')}</span>`]), 'No worker is here: jobs wait. Start one with: lode worker')}`)
  return running.length ? 1000 : 2500
}

const counter = (list, name) => Number((list ?? []).find(c => c.name === name)?.value ?? 0)
const short = id => id.replace(/^(attempt|task)_\d+_\d+_/, '')
const median = list => { const s = [...list].sort((a, b) => a - b); return s.length ? s[Math.floor((s.length - 1) / 2)] : 0 }
const where = {'node-local': 'local', 'rack-local': 'rack', 'off-switch': 'far'}

// place names where an attempt runs: the host, or the worker where a host has several.
const place = a => a.host && !a.shared ? a.host : a.worker

// lanesOf puts the attempts of each worker into as few rows as do not overlap: in effect, its slots.
function lanesOf(all, now) {
  const by = new Map()
  for (const a of all) { const key = a.worker || 'not placed'; if (!by.has(key)) by.set(key, {name: place(a) || key, rows: [], ends: []}); const lane = by.get(key); const at = lane.ends.findIndex(e => e <= a.from); const row = at < 0 ? lane.ends.length : at; (lane.rows[row] ??= []).push(a); lane.ends[row] = a.to }
  return [...by.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, lane]) => lane)
}

function attempts(job, now) {
  const out = []
  for (const t of job.tasks ?? []) for (const a of t.attempts ?? []) {
    if (!Number(a.started_ms)) continue
    const from = Number(a.started_ms), to = Number(a.finished_ms) || now, kind = t.kind === 'MAP' ? (t.input ? where[a.locality] : null) ?? 'unplaced' : t.kind === 'REDUCE' ? 'reduce' : 'setup'
    const bad = a.state === 'FAILED' ? ' failed' : a.state === 'KILLED' ? ' killed' : a.state === 'RUNNING' ? ' running' : ''
    const shuffled = Math.min(to, Number(a.shuffle_finished_ms) || (t.kind === 'REDUCE' && bad === ' running' ? now : 0)), merged = Math.min(to, Number(a.merge_finished_ms) || 0)
    out.push({...a, task: t, from, to, kind: kind + bad + (a.speculative ? ' speculative' : ''), parts: t.kind === 'REDUCE' && shuffled > from ? [{kind: 'shuffle', from, to: shuffled}, ...(merged > shuffled ? [{kind: 'merge', from: shuffled, to: merged}] : [])] : [],
      title: `${short(a.id)} · ${t.kind.toLowerCase()} of stage ${t.stage}${a.locality ? ' · ' + a.locality : ''}${a.speculative ? ' · speculative' : ''} · ${a.state.toLowerCase()} · ${span(to - from)}${a.error ? ' · ' + a.error.split('\n')[0] : ''}`})
  }
  const workers = new Map()
  for (const a of out) workers.set(a.host, (workers.get(a.host) ?? new Set()).add(a.worker))
  for (const a of out) a.shared = a.host === 'localhost' || workers.get(a.host).size > 1
  return out.sort((a, b) => a.from - b.from)
}

// notes are what an experienced eye would say about a job's figures.
function notes(job, all, reduces, elapsed) {
  const out = [], done = all.filter(a => a.state === 'SUCCEEDED'), maps = done.filter(a => a.task.kind === 'MAP')
  for (const stage of new Set(reduces.map(r => r.stage))) {
    const even = reduces.filter(r => r.stage === stage).map(r => r.records), mid = median(even), most = Math.max(0, ...even)
    if (even.length > 1 && most > 1000 && most > 2 * Math.max(1, mid)) out.push(`Stage ${stage}: the largest reducer reads ${(most / Math.max(1, mid)).toFixed(1)} times the records of the middle one: one key or partition is heavy. A combiner, a finer partitioner or salted keys help.`)
  }
  const far = maps.filter(a => a.locality === 'off-switch' && a.task.input).length
  if (maps.length > 3 && far > maps.length / 4) out.push(`${far} of ${maps.length} maps read their input from another rack or node: more replicas or workers beside the datanodes would help.`)
  const spilled = counter(job.map_counters, 'SPILLED_RECORDS'), produced = counter(job.map_counters, 'COMBINE_OUTPUT_RECORDS') || counter(job.map_counters, 'MAP_OUTPUT_RECORDS')
  if (produced > 1000 && spilled > 1.5 * produced) out.push(`Map output was spilled ${(spilled / produced).toFixed(1)} times over: give the tasks more sort memory (mapreduce.task.io.sort.mb).`)
  if (maps.length > 50 && median(maps.map(a => a.to - a.from)) < 200) out.push(`${maps.length} maps of mostly ${span(median(maps.map(a => a.to - a.from)))}: fewer, larger splits start less often.`)
  const slow = maps.length > 4 ? Math.max(...maps.map(a => a.to - a.from)) : 0
  if (slow > 2000 && slow > 3 * median(maps.map(a => a.to - a.from))) out.push(`The slowest map took ${span(slow)}, the middle one ${span(median(maps.map(a => a.to - a.from)))}: a straggler.`)
  const commit = Math.max(0, ...done.filter(a => a.task.kind === 'COMMIT').map(a => a.to - a.from))
  if (commit > 1000 && commit > elapsed / 4) out.push(`The commit alone took ${span(commit)} of ${span(elapsed)}: publishing the output is part of the job.`)
  const failed = all.filter(a => a.state === 'FAILED').length
  if (failed) out.push(`${plural(failed, 'attempt')} failed and had to be done again.`)
  const combineIn = counter(job.map_counters, 'COMBINE_INPUT_RECORDS'), combineOut = counter(job.map_counters, 'COMBINE_OUTPUT_RECORDS')
  if (combineIn > 1000) out.push(`The combiner turned ${num(combineIn)} records into ${num(combineOut)}: ${(100 - 100 * combineOut / combineIn).toFixed(1)} % less to shuffle.`)
  return out
}

const titles = {'org.apache.hadoop.mapreduce.FileSystemCounter': 'File System Counters', 'org.apache.hadoop.mapreduce.JobCounter': 'Job Counters', 'org.apache.hadoop.mapreduce.TaskCounter': 'Map-Reduce Framework', 'org.apache.hadoop.mapreduce.lib.input.FileInputFormatCounter': 'File Input Format Counters', 'org.apache.hadoop.mapreduce.lib.output.FileOutputFormatCounter': 'File Output Format Counters'}
const unit = (name, v) => /BYTES/.test(name) && v >= 1024 ? html`<span title="${bytes(v)}">${num(v)}</span>` : num(v)
function counters(job) {
  const groups = new Map()
  for (const c of job.counters ?? []) { if (!groups.has(c.group)) groups.set(c.group, []); groups.get(c.group).push(c.name) }
  const of = (list, g, n) => Number((list ?? []).find(c => c.group === g && c.name === n)?.value ?? 0)
  const order = Object.keys(titles)
  const at = g => order.indexOf(g) < 0 ? 99 : order.indexOf(g)
  return [...groups].sort(([a], [b]) => at(a) - at(b)).map(([g, list]) => table([titles[g] ?? g, '#Map', '#Reduce', '#Total'], list.sort().map(n => [html`<code>${n}</code>`, unit(n, of(job.map_counters, g, n)), unit(n, of(job.reduce_counters, g, n)), unit(n, of(job.counters, g, n))])))
}

// twin finds the newest job of the same program over the same input that ran the other way: in one process, or on the workers.
async function twin(j, signal) {
  const input = x => JSON.stringify((x.spec.args ?? []).slice(0, -1))
  try {
    return (await json('/scheduler/api/jobs', {signal})).jobs.find(x => x.state === 'SUCCEEDED' && x.uber !== j.uber && x.spec.program === j.spec.program && x.spec.binary_sha256 === j.spec.binary_sha256 && input(x) === input(j)) ?? null
  } catch { return null }
}
export async function job(page) {
  const id = page.parts[0] ?? '', s = page.state
  let j
  try { j = await json('/scheduler/api/jobs/' + encodeURIComponent(id), {signal: page.signal}) } catch (e) {
    if (page.signal.aborted) return 0
    page.show(html`<h1>${id}</h1>${failure(e)}<p><a href="#jobs">All jobs</a></p>`)
    return 3000
  }
  const now = Date.now(), over = Number(j.finished_ms) > 0, began = Number(j.started_ms) || Number(j.spec.submitted_ms), end = over ? Number(j.finished_ms) : now, elapsed = Math.max(1, end - began), all = attempts(j, now)
  const sum = all.reduce((n, a) => n + a.to - a.from, 0), cpu = counter(j.counters, 'CPU_MILLISECONDS')
  if (over && j.state === 'SUCCEEDED' && s.other === undefined) s.other = await twin(j, page.signal)
  const reduces = all.filter(a => a.task.kind === 'REDUCE' && a.id === a.task.successful).map(a => ({stage: a.task.stage, name: `stage ${a.task.stage} · ${short(a.task.id)}`, records: counter(a.counters, 'REDUCE_INPUT_RECORDS'), shuffle: counter(a.counters, 'REDUCE_SHUFFLE_BYTES'), time: a.to - a.from}))
  page.on.attempt = async el => { s.selected = el.dataset.id; s.log = null; page.redraw(); document.getElementById('attempt')?.scrollIntoView({block: 'nearest'}) }
  page.on.log = async el => {
    s.log = {id: el.dataset.id, text: 'Fetching…'}; page.redraw()
    const r = await fetch(`/scheduler/api/jobs/${encodeURIComponent(id)}/logs?attempt=${encodeURIComponent(el.dataset.id)}`, {signal: page.signal}), text = await r.text()
    s.log = {id: el.dataset.id, text: text.trim() || 'The attempt wrote nothing.'}; page.redraw()
  }
  page.on.kill = async () => { if (confirm(`Kill ${id}?`)) { await json(`/scheduler/api/jobs/${encodeURIComponent(id)}/kill`, {method: 'POST'}); page.redraw() } }
  page.on.filter = el => { s.filter = el.value; page.redraw() }
  const failed = all.filter(a => a.state === 'FAILED'), picked = all.find(a => a.id === s.selected)
  const stages = Math.max(1, Number(j.stages), ...(j.tasks ?? []).map(t => t.stage + 1)), lines = notes(j, all, reduces, elapsed)
  const listed = all.filter(a => !s.filter || s.filter === a.task.kind || s.filter === a.state)
  page.show(html`<h1>${j.name || id}</h1>
  <div class="row between"><p class="crumbs"><a href="#jobs">Jobs</a> / ${id} ${state(j.state)}${j.uber ? html` ${pill('in one process', 'ok')}` : none}</p>${over ? none : html`<button type="button" class="small quiet" data-do="kill">Kill the job</button>`}</div>
  ${j.diagnostics ? html`<pre class="error" role="alert">${j.diagnostics}</pre>` : none}
  ${over ? none : html`<div class="progress"><span>maps</span>${bar(Number(j.map_progress))}<span>${num(j.maps_done)} of ${num(j.maps_total)}</span><span>reduces</span>${bar(Number(j.reduce_progress))}<span>${num(j.reduces_done)} of ${num(j.reduces_total)}</span></div>`}
  <div class="cards">${card(over ? 'from start to end' : 'so far', span(elapsed))}${card('all attempts together', span(sum))}${card('processor time of the tasks', cpu ? span(cpu) : '–')}
  ${card('attempts at work at once, on average', (sum / elapsed).toFixed(2))}${s.other ? card(html`the same job ${j.uber ? 'on the workers' : 'in one process'}: <a href="#job/${s.other.spec.id}">${s.other.spec.id.replace(/^job_\d+_/, '')}</a>`, span(s.other.finished_ms - s.other.started_ms)) : none}
  ${card('read from the file system', bytes(counter(j.counters, 'HDFS_BYTES_READ')))}${card('shuffled', bytes(counter(j.counters, 'REDUCE_SHUFFLE_BYTES')))}${card('records spilled', num(counter(j.counters, 'SPILLED_RECORDS')))}${card('written', bytes(counter(j.counters, 'HDFS_BYTES_WRITTEN')))}</div>
  ${lines.length ? html`<section class="notes" aria-label="What the figures say"><ul>${lines.map(l => html`<li>${l}</li>`)}</ul></section>` : none}
  <h2>Stages</h2>${table(['Stage', 'Tasks', '#Maps', '#Reduces', '#Attempts', '#Failed', '#Time'], Array.from({length: stages}, (_, i) => {
    const ts = (j.tasks ?? []).filter(t => t.stage === i), as = all.filter(a => a.task.stage === i), n = k => { const of = ts.filter(t => t.kind === k); return of.length ? `${of.filter(t => t.state === 'SUCCEEDED').length}/${of.length}` : '' }
    return [`${i}${!over && Number(j.stage) === i ? ' (now)' : ''}`, bar(ts.length ? ts.filter(t => t.state === 'SUCCEEDED').length / ts.length : 0), n('MAP'), n('REDUCE'), num(as.length), num(as.filter(a => a.state === 'FAILED').length), as.length ? span(Math.max(...as.map(a => a.to)) - Math.min(...as.map(a => a.from))) : '']
  }))}
  <h2>Attempts over time</h2>${all.length ? html`${gantt(lanesOf(all, now), Math.min(began, all[0].from), Math.max(end, ...all.map(a => a.to)), s.selected)}
  <p class="legend">${[['local', 'map, input on the same node'], ['rack', 'same rack'], ['far', 'another rack'], ['unplaced', 'map whose input is nowhere'], ['shuffle', 'shuffle'], ['merge', 'merge'], ['reduce', 'reduce'], ['setup', 'setup and commit'], ['failed', 'failed or killed']].map(([k, t]) => html`<span><i class="key ${k}"></i>${t}</span>`)}</p>` : html`<p class="dim">No attempt has started. The job waits for ${j.phase || 'a free slot'}.</p>`}
  <div id="attempt">${picked ? html`<section class="panel"><h3>${picked.id}</h3><p>${state(picked.state)} ${picked.task.kind.toLowerCase()} task ${picked.task.index} of stage ${picked.task.stage}, ${span(picked.to - picked.from)} on ${place(picked)}${picked.locality ? `, ${picked.locality}` : ''}${picked.speculative ? ', speculative' : ''}. ${picked.status}</p>
  ${picked.task.input ? html`<p class="dim">Input: <code>${picked.task.input}</code></p>` : none}${picked.error ? html`<pre class="error">${picked.error}</pre>` : none}
  <div class="row"><button type="button" class="small" data-do="log" data-id="${picked.id}">Show its log</button></div>${s.log?.id === picked.id ? html`<pre class="preview" tabindex="0">${s.log.text}</pre>` : none}
  ${picked.counters?.length ? html`<details><summary>Counters of this attempt</summary>${table(['Counter', '#Value'], picked.counters.map(c => [html`<code>${c.name}</code>`, unit(c.name, Number(c.value))]))}</details>` : none}</section>` : none}</div>
  ${failed.length ? html`<h2>Failed attempts</h2>${table(['Attempt', 'Worker', 'When', 'Error', ''], failed.map(a => [short(a.id), place(a), when(a.finished_ms), html`<span class="wrap">${(a.error || 'no reason given').split('\n').slice(0, 3).join(' ')}</span>`, html`<button type="button" class="plain" data-do="attempt" data-id="${a.id}">Details</button>`]))}` : none}
  ${reduces.length ? html`<h2>Reducers</h2><p class="dim">Records that each reads, and bytes that it fetches: even bars are an even job.</p>${shares(reduces.slice(0, 200).map(r => ({name: r.name, value: r.records || r.shuffle, colour: 'var(--reduce)', note: `${num(r.records)} records, ${bytes(r.shuffle)}, ${span(r.time)}`})))}` : none}
  <h2>Counters</h2><div class="counters">${counters(j)}</div>
  <details${all.length <= 40 ? html` open` : none}><summary>All ${plural(all.length, 'attempt')}</summary>
  <p class="row"><label for="filter" class="dim">Show</label><select id="filter" data-do="filter" data-keep><option value="">all</option>${['MAP', 'REDUCE', 'SETUP', 'COMMIT', 'RUNNING', 'FAILED', 'KILLED'].map(k => html`<option>${k}</option>`)}</select></p>
  ${table(['Attempt', 'Kind', '#Stage', 'State', 'Progress', 'Where', 'Locality', 'Started', '#Time', 'Input'], listed.slice(0, 1000).map(a => [html`<button type="button" class="plain" data-do="attempt" data-id="${a.id}">${short(a.id)}</button>`, a.task.kind.toLowerCase(), a.task.stage, state(a.state), bar(a.state === 'SUCCEEDED' ? 1 : a.progress), html`${dot(a.worker)} ${place(a)}`, a.locality || '', when(a.started_ms), span(a.to - a.from), html`<code>${a.task.input}</code>`]))}</details>
  ${over && !j.uber && j.state === 'SUCCEEDED' && !j.spec.binary && j.spec.program !== 'streaming' ? html`<details><summary>How long does one process take?</summary><p class="dim">The same program over the same input, in one process, without a cluster; compare its time with ${span(elapsed)}:</p>${command(`time lode job local ${j.spec.program} ${(j.spec.args ?? []).slice(0, -1).join(' ')} OUTPUT`)}</details>` : none}
  <details><summary>Settings</summary>${table(['Key', 'Value'], [['program', j.spec.program], ['arguments', (j.spec.args ?? []).join(' ')], ['user', j.spec.user], ['queue', j.spec.queue], ['priority', j.spec.priority], ['binary', j.spec.binary_sha256 || 'the workers’ own'], ['submitted', when(j.spec.submitted_ms)], ...Object.entries(j.spec.conf ?? {})].map(([k, v]) => [html`<code>${k}</code>`, html`<span class="wrap">${v}</span>`]))}</details>`)
  return over ? (s.settled ? 0 : (s.settled = true, 2000)) : 700
}

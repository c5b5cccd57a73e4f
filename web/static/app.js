// The pages of a Lode cluster. No framework: each page is a function that draws into <main> and says when to draw again.
const main = document.getElementById('page')
const esc = s => String(s ?? '').replace(/[&<>"']/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'}[c]))
const num = n => Number(n ?? 0).toLocaleString('en')
const bytes = n => { n = Number(n ?? 0); const u = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']; let i = 0; while (n >= 1024 && i < 5) { n /= 1024; i++ } return (i ? n.toFixed(1) : n) + ' ' + u[i] }
const when = ms => ms > 0 ? new Date(Number(ms)).toLocaleString() : ''
const card = (label, value, cls = '') => `<div class="card ${cls}"><b>${value}</b><span>${esc(label)}</span></div>`
const table = (heads, rows, none = 'Nothing here.') => rows.length
  ? `<div class="scroll"><table><thead><tr>${heads.map(h => `<th class="${h.startsWith('#') ? 'n' : ''}">${esc(h.replace(/^#/, ''))}</th>`).join('')}</tr></thead><tbody>${rows.map(r => `<tr>${r.map((c, i) => `<td class="${heads[i].startsWith('#') ? 'n' : ''}">${c}</td>`).join('')}</tr>`).join('')}</tbody></table></div>`
  : `<p class="dim">${esc(none)}</p>`
const bar = part => `<div class="bar" title="${(100 * part).toFixed(1)} %"><i style="width:${Math.max(0, Math.min(100, 100 * part))}%"></i></div>`

async function json(url, options) {
  const r = await fetch(url, options)
  const text = await r.text()
  let body = null
  try { body = text ? JSON.parse(text) : null } catch { throw new Error(`${url}: HTTP ${r.status}: ${text.slice(0, 200)}`) }
  if (!r.ok) throw new Error(body?.RemoteException?.message ?? body?.error?.message ?? `${url}: HTTP ${r.status}`)
  return body
}
const bean = async name => (await json('/jmx?qry=' + encodeURIComponent('Hadoop:service=NameNode,name=' + name))).beans[0] ?? {}

// colour gives each datanode its own colour, the same everywhere.
const colour = name => { let h = 7; for (const c of name) h = (h * 31 + c.charCodeAt(0)) >>> 0; return `hsl(${(h * 47) % 360} 62% 55%)` }

async function overview() {
  const [info, fs] = await Promise.all([bean('NameNodeInfo'), bean('FSNamesystem')])
  const safe = info.Safemode ?? ''
  main.innerHTML = `<h1>Cluster ${esc(info.ClusterId)}</h1>
  ${safe ? `<p class="error">${esc(safe)}</p>` : ''}
  <div class="cards">
  ${card('files and directories', num(info.TotalFiles ?? fs.FilesTotal))}
  ${card('blocks', num(info.TotalBlocks ?? fs.BlocksTotal))}
  ${card(`of ${bytes(info.Total)} used`, bytes(info.Used))}
  ${card('free', bytes(info.Free))}
  ${card('live datanodes', num(fs.NumLiveDataNodes), fs.NumLiveDataNodes ? '' : 'bad')}
  ${card('dead datanodes', num(fs.NumDeadDataNodes), fs.NumDeadDataNodes ? 'bad' : '')}
  ${card('blocks with too few replicas', num(fs.UnderReplicatedBlocks), fs.UnderReplicatedBlocks ? 'warn' : '')}
  ${card('replications under way', num(fs.PendingReconstructionBlocks ?? fs.PendingReplicationBlocks))}
  ${card('missing blocks', num(fs.MissingBlocks), fs.MissingBlocks ? 'bad' : '')}
  ${card('corrupt replicas', num(fs.CorruptBlocks), fs.CorruptBlocks ? 'bad' : '')}
  </div><h2>Datanodes</h2>${datanodeTable(info)}`
  return 2000
}

function datanodeTable(info) {
  const live = Object.entries(JSON.parse(info.LiveNodes || '{}')), dead = Object.entries(JSON.parse(info.DeadNodes || '{}'))
  const rows = live.map(([name, d]) => [
    `<span class="dot" style="background:${colour(d.xferaddr ?? name)}"></span> <a href="http://${esc(d.infoAddr)}/">${esc(name)}</a>`,
    `<span class="pill ${d.adminState === 'In Service' ? 'ok' : 'warn'}">${esc(d.adminState)}</span>`, esc(d.location ?? ''), `${num(d.lastContact)} s`,
    num(d.numBlocks), bytes(d.usedSpace ?? d.used), bytes(d.capacity), bar((d.usedSpace ?? 0) / (d.capacity || 1)), num(d.volfails)])
  rows.push(...dead.map(([name, d]) => [`<span class="dot"></span> ${esc(name)}`, '<span class="pill bad">dead</span>', '', `${num(d.lastContact)} s`, '', '', '', '', '']))
  return table(['Datanode', 'State', 'Rack', '#Last heard', '#Blocks', '#Used', '#Capacity', 'Use', '#Failed volumes'], rows, 'No datanode has registered yet.')
}

async function datanodes() {
  main.innerHTML = `<h1>Datanodes</h1>${datanodeTable(await bean('NameNodeInfo'))}`
  return 2000
}

const hdfs = (path, op, more = '') => `/webhdfs/v1${path.split('/').map(encodeURIComponent).join('/')}?op=${op}${more}`

async function files(path) {
  path = '/' + decodeURI(path || '').replace(/^\/+|\/+$/g, '')
  const parts = path.split('/').filter(Boolean)
  const crumbs = `<p class="crumbs"><a href="#files/">/</a> ${parts.map((p, i) => `<a href="#files/${encodeURI(parts.slice(0, i + 1).join('/'))}">${esc(p)}</a>`).join(' / ')}</p>`
  const st = (await json(hdfs(path, 'GETFILESTATUS'))).FileStatus
  if (st.type === 'FILE') {
    const blocks = (await json(hdfs(path, 'GETFILEBLOCKLOCATIONS'))).BlockLocations.BlockLocation
    main.innerHTML = `<h1>${esc(parts.at(-1))}</h1>${crumbs}<div class="cards">${card('bytes', num(st.length))}${card('replication', st.replication)}${card('block size', bytes(st.blockSize))}${card('owner', esc(st.owner + ':' + st.group))}</div>
    <p class="row"><a href="${hdfs(path, 'OPEN')}" download="${esc(parts.at(-1))}">Download</a></p>
    <h2>${blocks.length} block${blocks.length === 1 ? '' : 's'}</h2><div>${blocks.map((b, i) => `<span class="block">${i} · ${bytes(b.length)} ${b.names.map(n => `<span class="dot" title="${esc(n)}" style="background:${colour(n)}"></span>`).join('')}${b.corrupt ? ' <span class="pill bad">corrupt</span>' : ''}</span>`).join('')}</div>
    ${table(['#Block', '#Offset', '#Length', 'Replicas'], blocks.map((b, i) => [i, num(b.offset), num(b.length), b.names.map(n => `<span class="dot" style="background:${colour(n)}"></span> ${esc(n)}`).join(' &nbsp; ')]))}`
    return 3000
  }
  const list = (await json(hdfs(path, 'LISTSTATUS'))).FileStatuses.FileStatus
  const perm = s => (s.type === 'DIRECTORY' ? 'd' : '-') + [...s.permission.slice(-3).padStart(3, '0')].map(o => ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'][o]).join('')
  main.innerHTML = `<h1>Files</h1>${crumbs}${table(['Permission', 'Owner', 'Group', '#Size', '#Replication', 'Modified', 'Name'], list.map(s => [
    `<code>${perm(s)}</code>`, esc(s.owner), esc(s.group), s.type === 'FILE' ? bytes(s.length) : '', s.type === 'FILE' ? s.replication : '', when(s.modificationTime),
    `<a href="#files/${encodeURI((path + '/' + s.pathSuffix).replace(/^\/+/, ''))}">${esc(s.pathSuffix)}${s.type === 'DIRECTORY' ? '/' : ''}</a>`]), 'This directory is empty.')}`
  return 5000
}

async function jobs() {
  let apps
  try { apps = (await json('/scheduler/ws/v1/cluster/apps')).apps?.app ?? [] } catch (e) {
    main.innerHTML = `<h1>Jobs</h1><p class="error">The scheduler does not answer: ${esc(e.message)}</p>`
    return 3000
  }
  apps.sort((a, b) => b.startedTime - a.startedTime)
  const cls = s => ({FINISHED: 'ok', SUCCEEDED: 'ok', FAILED: 'bad', KILLED: 'bad', RUNNING: 'warn'}[s] ?? '')
  main.innerHTML = `<h1>Jobs</h1>${table(['Job', 'Name', 'User', 'Queue', 'State', 'Progress', 'Started', '#Seconds'], apps.map(a => [
    `<a href="/scheduler/#job/${esc(a.id)}">${esc(a.id)}</a>`, esc(a.name), esc(a.user), esc(a.queue), `<span class="pill ${cls(a.finalStatus === 'UNDEFINED' ? a.state : a.finalStatus)}">${esc(a.finalStatus === 'UNDEFINED' ? a.state : a.finalStatus)}</span>`,
    bar((a.progress ?? 0) / 100), when(a.startedTime), num(Math.round((a.elapsedTime ?? 0) / 1000))]), 'No job has run yet. Try: lode job submit wordcount INPUT OUTPUT')}`
  return 1500
}

let lastSQL = 'select project, sum(sales) as sales, round(sum(volume_eth), 3) as volume_eth\nfrom gold.market_kpi_daily group by project order by volume_eth desc'
async function sql() {
  main.innerHTML = `<h1>SQL</h1><textarea id="q" aria-label="SQL" spellcheck="false">${esc(lastSQL)}</textarea>
  <div class="row"><button id="run">Run</button><span class="dim">Ctrl-Enter runs. Namespaces: bronze, silver, gold, etl.</span></div><div id="answer"></div>`
  const q = document.getElementById('q'), out = document.getElementById('answer')
  const run = async () => {
    lastSQL = q.value
    out.innerHTML = '<p class="dim">running…</p>'
    const began = performance.now()
    try {
      const r = await fetch('/query/v1/query', {method: 'POST', headers: {'Content-Type': 'text/plain', Accept: 'application/x-ndjson'}, body: q.value})
      const text = await r.text()
      if (!r.ok) throw new Error(JSON.parse(text).error.message)
      const rows = text.split('\n').filter(Boolean).map(l => JSON.parse(l)), heads = rows.length ? Object.keys(rows[0]) : []
      out.innerHTML = `<p class="dim">${num(rows.length)} rows in ${Math.round(performance.now() - began)} ms</p>` +
        table(heads.map(h => typeof rows[0]?.[h] === 'number' ? '#' + h : h), rows.slice(0, 1000).map(r => heads.map(h => r[h] === null ? '<span class="dim">null</span>' : esc(r[h]))), 'No rows.')
    } catch (e) { out.innerHTML = `<p class="error">${esc(e.message)}</p>` }
  }
  document.getElementById('run').onclick = run
  q.onkeydown = e => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) run() }
  return 0
}

const pages = {overview, datanodes, files, jobs, sql}
let timer = 0, turn = 0
async function draw() {
  clearTimeout(timer)
  const mine = ++turn, [name, ...rest] = (location.hash.slice(1) || 'overview').split('/')
  for (const a of document.querySelectorAll('nav a')) a.toggleAttribute('aria-current', a.hash.slice(1).split('/')[0] === name)
  let again = 3000
  try { again = await (pages[name] ?? overview)(rest.join('/')) } catch (e) { if (mine === turn) main.innerHTML = `<p class="error">${esc(e.message)}</p>` }
  if (mine === turn && again) timer = setTimeout(draw, document.hidden ? 15000 : again)
}
async function state() {
  const pill = document.getElementById('state')
  try {
    const info = await bean('NameNodeInfo')
    pill.textContent = info.Safemode ? 'safe mode' : 'serving'
    pill.className = 'pill ' + (info.Safemode ? 'warn' : 'ok')
    document.getElementById('version').textContent = 'Lode ' + (info.SoftwareVersion ?? info.Version ?? '')
    document.getElementById('cluster').textContent = info.ClusterId ?? ''
  } catch { pill.textContent = 'no answer'; pill.className = 'pill bad' }
  setTimeout(state, 5000)
}
addEventListener('hashchange', draw)
draw(); state()

// The file browser: WebHDFS, with the data through this port (proxy=true), as a user name that the browser keeps.
import {html, none, num, bytes, when, card, pill, table, dot, colour, json, bean, kept, plural} from './lib.js'

const tell = (text, kind) => dispatchEvent(new CustomEvent('lode-say', {detail: {text, kind}}))
const user = () => kept.get('user', '')
export function hdfs(path, op, more = {}) {
  const q = new URLSearchParams({op, ...more})
  if (user()) q.set('user.name', user())
  return '/webhdfs/v1' + path.split('/').map(encodeURIComponent).join('/') + '?' + q
}
const link = path => '#files/' + path.split('/').filter(Boolean).map(encodeURIComponent).join('/')
const join = (dir, name) => (dir === '/' ? '' : dir) + '/' + name
const mode = s => {
  const o = s.permission.padStart(4, '0'), t = [...o.slice(-3)].map(c => ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'][c]).join('')
  return (s.type === 'DIRECTORY' ? 'd' : s.type === 'SYMLINK' ? 'l' : '-') + (o[0] === '1' ? t.slice(0, 8) + (t[8] === 'x' ? 't' : 'T') : t)
}

export async function files(page) {
  const path = '/' + page.parts.join('/')
  page.on.user = el => { const name = new FormData(el).get('user').trim(); kept.set('user', name); tell(name ? `From now on as ${name}` : 'From now on as the default user'); page.redraw() }
  page.on.as = el => { kept.set('user', el.dataset.user); const field = document.getElementById('user'); if (field) field.value = el.dataset.user; tell(`From now on as ${el.dataset.user}`); page.state.refused = null; page.redraw() }
  page.on.forgive = () => { page.state.refused = null; page.redraw() }
  let st
  try { st = (await json(hdfs(path, 'GETFILESTATUS'), {signal: page.signal})).FileStatus } catch (e) {
    if (page.signal.aborted) return 0
    page.show(html`${head(path)}${refusal(e)}`)
    return 5000
  }
  return st.type === 'FILE' ? file(page, path, st) : directory(page, path)
}

// refusal explains an error, and offers to go on as the owner that the namenode names in "inode="/x":owner:group:mode".
function refusal(e) {
  const owner = /inode="[^"]*":([^:"]+):/.exec(e.message)?.[1]
  return html`<p class="error" role="alert">${e.message}${owner && owner !== user() ? html` <button type="button" class="small" data-do="as" data-user="${owner}">Go on as ${owner}</button>` : none}</p>`
}

const head = path => {
  const parts = path.split('/').filter(Boolean)
  return html`<h1>${parts.at(-1) ?? 'Files'}</h1><div class="row between"><p class="crumbs"><a href="#files/">/</a> ${parts.map((p, i) => html`${i ? ' / ' : ''}<a href="${link(parts.slice(0, i + 1).join('/'))}">${p}</a>`)}</p>
  <form data-do="user" class="row"><label for="user" class="dim">as user</label><input id="user" name="user" data-keep size="10" value="${user()}" placeholder="default" autocomplete="username" spellcheck="false"><button class="small">Use</button></form></div>`
}

async function directory(page, path) {
  const list = (await json(hdfs(path, 'LISTSTATUS'), {signal: page.signal})).FileStatuses.FileStatus, s = page.state, most = s.most ?? 1000
  const attempt = async (what, f) => {
    try { await f(); s.refused = null; tell(what) } catch (e) { s.refused = e }
    s.busy = null; page.redraw()
  }
  page.on.more = () => { s.most = most + 5000; page.redraw() }
  page.on.mkdir = async el => {
    const name = new FormData(el).get('name').trim()
    if (!name) return
    await attempt(`Made ${join(path, name)}`, async () => { if (!(await json(hdfs(join(path, name), 'MKDIRS'), {method: 'PUT'})).boolean) throw new Error(`${join(path, name)} was not made`); el.reset() })
  }
  page.on.upload = async el => {
    const all = [...el.files]
    for (const f of all) {
      await attempt(`${f.name}: ${bytes(f.size)} written`, () => send(hdfs(join(path, f.name), 'CREATE', {overwrite: 'false', proxy: 'true', data: 'true'}), f, part => { s.busy = html`${f.name}: ${bytes(part)} of ${bytes(f.size)}`; page.redraw() }))
      if (s.refused) break
    }
    el.value = ''
  }
  page.on.delete = async el => {
    const name = el.dataset.name, full = join(path, name)
    if (!confirm(`Delete ${full}${el.dataset.dir ? ' and all that is in it' : ''}? It does not go to the trash.`)) return
    await attempt(`Deleted ${full}`, async () => { if (!(await json(hdfs(full, 'DELETE', {recursive: el.dataset.dir ? 'true' : 'false'}), {method: 'DELETE'})).boolean) throw new Error(`${full} was not there any more`) })
  }
  page.show(html`${head(path)}
  <div class="row"><form data-do="mkdir" class="row"><label class="dim" for="name">New directory</label><input id="name" name="name" data-keep size="14" spellcheck="false"><button class="small">Make</button></form>
  <label class="button small">Upload files<input type="file" multiple data-do="upload" data-keep class="hidden" aria-label="Upload files into ${path}"></label><span class="dim" role="status">${s.busy ?? none}</span></div>
  ${s.refused ? refusal(s.refused) : none}
  ${table(['Name', '#Size', '#Replication', 'Owner', 'Permission', 'Modified', ''], list.slice(0, most).map(f => {
    const dir = f.type === 'DIRECTORY', full = join(path, f.pathSuffix)
    return [html`<a href="${link(full)}">${f.pathSuffix}${dir ? '/' : ''}</a>`, dir ? html`<span class="dim">${f.childrenNum !== undefined ? plural(f.childrenNum, 'entry', 'entries') : ''}</span>` : bytes(f.length), dir ? '' : f.replication,
      html`${f.owner}<span class="dim">:${f.group}</span>`, html`<code>${mode(f)}</code>`, when(f.modificationTime),
      html`${dir ? none : html`<a href="${hdfs(full, 'OPEN', {proxy: 'true'})}" download="${f.pathSuffix}">Download</a> `}<button type="button" class="plain" data-do="delete" data-name="${f.pathSuffix}" data-dir="${dir ? 1 : ''}" aria-label="Delete ${f.pathSuffix}">Delete</button>`]
  }), 'This directory is empty. Upload something, or type: lode dfs -put FILE ' + path)}
  ${list.length > most ? html`<p class="row"><span class="dim">The first ${num(most)} of ${num(list.length)}.</span><button type="button" class="small" data-do="more">Show more</button></p>` : html`<p class="dim">${plural(list.length, 'entry', 'entries')}</p>`}`)
  return s.busy ? 0 : 4000
}

// send uploads with progress, which fetch does not tell.
const send = (url, body, progress) => new Promise((done, failed) => {
  const x = new XMLHttpRequest()
  let last = 0
  x.upload.onprogress = e => { if (Date.now() - last > 300) { last = Date.now(); progress(e.loaded) } }
  x.onload = () => {
    if (x.status < 300) return done()
    let text = x.responseText
    try { text = JSON.parse(text).RemoteException.message } catch { /* not JSON: as it is */ }
    failed(new Error(text.slice(0, 500) || `HTTP ${x.status}`))
  }
  x.onerror = () => failed(new Error('The upload was cut off.'))
  x.open('PUT', url); x.setRequestHeader('Content-Type', 'application/octet-stream'); x.send(body)
})

const previewBytes = 8192
async function preview(path, st, signal) {
  if (!Number(st.length)) return html`<p class="dim">The file is empty.</p>`
  const r = await fetch(hdfs(path, 'OPEN', {proxy: 'true', length: previewBytes}), {signal})
  if (!r.ok) throw new Error(`HTTP ${r.status}`)
  const b = new Uint8Array(await r.arrayBuffer())
  const odd = b.subarray(0, 1024).filter(c => c === 0 || (c < 32 && c !== 9 && c !== 10 && c !== 13)).length
  if (odd > 8 || (odd && b[0] !== 123)) {
    const lines = []
    for (let i = 0; i < Math.min(b.length, 256); i += 16) {
      const part = [...b.subarray(i, i + 16)]
      lines.push(`${i.toString(16).padStart(6, '0')}  ${part.map(c => c.toString(16).padStart(2, '0')).join(' ').padEnd(47)}  ${part.map(c => c > 31 && c < 127 ? String.fromCharCode(c) : '·').join('')}`)
    }
    return html`<pre class="preview" tabindex="0">${lines.join('\n')}</pre><p class="dim">Not text: the first ${num(Math.min(b.length, 256))} bytes.</p>`
  }
  return html`<pre class="preview" tabindex="0">${new TextDecoder().decode(b)}</pre>${Number(st.length) > previewBytes ? html`<p class="dim">The first ${bytes(previewBytes)} of ${bytes(st.length)}.</p>` : none}`
}

async function file(page, path, st) {
  const s = page.state
  const [located, info] = await Promise.all([json(hdfs(path, 'GET_BLOCK_LOCATIONS'), {signal: page.signal}), bean('NameNodeInfo', page.signal)])
  const blocks = located.LocatedBlocks?.locatedBlocks ?? []
  if (s.length !== st.length) {
    try { s.preview = await preview(path, st, page.signal) } catch (e) { if (page.signal.aborted) return 0; s.preview = html`<p class="error">The preview cannot be read: ${e.message}</p>` }
    s.length = st.length
  }
  const live = Object.entries(JSON.parse(info.LiveNodes || '{}')).map(([name, d]) => d.xferaddr ?? name)
  const names = [...new Set([...live, ...blocks.flatMap(b => b.locations.map(l => l.name))])]
  names.forEach(colour)
  const few = blocks.filter(b => b.locations.length < st.replication).length
  page.on.delete = async () => {
    if (!confirm(`Delete ${path}? It does not go to the trash.`)) return
    try { await json(hdfs(path, 'DELETE'), {method: 'DELETE'}); tell(`Deleted ${path}`); location.hash = link(page.parts.slice(0, -1).join('/')) } catch (e) { s.refused = e; page.redraw() }
  }
  page.on.replication = async el => {
    try { await json(hdfs(path, 'SETREPLICATION', {replication: el.value}), {method: 'PUT'}); s.refused = null; tell(`Replication of ${page.parts.at(-1)} is to be ${el.value}`) } catch (e) { s.refused = e }
    page.redraw()
  }
  page.show(html`${head(path)}<div class="cards">${card(`${num(st.length)} bytes`, bytes(st.length))}${card('wanted replicas a block', st.replication)}${card('block size', bytes(st.blockSize))}${card('owner and group', `${st.owner}:${st.group}`)}${card('permission', html`<code>${mode(st)}</code>`)}${card('modified', when(st.modificationTime))}</div>
  <div class="row"><a class="button small" href="${hdfs(path, 'OPEN', {proxy: 'true'})}" download="${page.parts.at(-1)}">Download</a><button type="button" class="small quiet" data-do="delete">Delete</button>
  <label class="dim" for="rep">Replication</label><select id="rep" data-do="replication" data-keep>${[1, 2, 3, 4, 5].map(n => html`<option value="${n}"${n === st.replication ? html` selected` : none}>${n}</option>`)}</select></div>
  ${s.refused ? refusal(s.refused) : none}
  <h2>Blocks and replicas</h2>
  ${located.LocatedBlocks?.isUnderConstruction ? html`<p class="note">The file is being written.</p>` : none}${few ? html`<p class="note" role="status">${plural(few, 'block')} with fewer than ${st.replication} replicas.</p>` : none}
  ${blocks.length ? html`<div class="scroll" tabindex="0"><table class="map"><thead><tr><th scope="col" class="n">Block</th><th scope="col">Id</th><th scope="col" class="n">Offset</th><th scope="col" class="n">Length</th>${names.map(n => html`<th scope="col">${dot(n)} ${n}</th>`)}<th scope="col"></th></tr></thead>
  <tbody>${blocks.slice(0, 2000).map((b, i) => html`<tr><td class="n">${i}</td><td><code>blk_${b.block.blockId}_${b.block.generationStamp}</code></td><td class="n">${num(b.startOffset)}</td><td class="n">${num(b.block.numBytes)}</td>
  ${names.map(n => { const at = b.locations.findIndex(l => l.name === n); return html`<td>${at < 0 ? html`<span class="dim" aria-label="no replica">·</span>` : html`<span class="cell" style="background:${colour(n)}" role="img" aria-label="replica">${b.storageTypes?.[at] ?? ''}</span>`}</td>` })}<td>${b.isCorrupt ? pill('corrupt', 'bad') : none}</td></tr>`)}</tbody></table></div>` : html`<p class="dim">An empty file has no blocks.</p>`}
  <h2>Beginning</h2>${s.preview}`)
  return 2000
}

// What every page uses: markup that escapes by construction, figures for people, requests that a newer page cancels.

class Markup { constructor(text) { this.text = text } toString() { return this.text } }
const escapes = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'}
const show = v => v instanceof Markup ? v.text : Array.isArray(v) ? v.map(show).join('') : v === null || v === undefined || v === false ? '' : String(v).replace(/[&<>"']/g, c => escapes[c])

// html makes markup. Every value is escaped unless it is markup itself, so a page cannot forget to.
export const html = (strings, ...values) => new Markup(strings.reduce((out, s, i) => out + show(values[i - 1]) + s))
export const none = html``

export const num = n => Number(n ?? 0).toLocaleString('en')
export const bytes = n => { n = Number(n ?? 0); const u = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']; let i = 0; while (n >= 1024 && i < 5) { n /= 1024; i++ } return (i ? n.toFixed(1) : n) + ' ' + u[i] }
export const amount = (v, digits = 3) => v === null || v === undefined ? '–' : Math.abs(v) >= 1e6 ? (v / 1e6).toFixed(2) + ' M' : Number(v).toLocaleString('en', {maximumFractionDigits: Math.abs(v) >= 1000 ? 0 : digits})
export const when = ms => Number(ms) > 0 ? new Date(Number(ms)).toLocaleString('sv') : ''
export const ago = ms => { const s = Math.max(0, (Date.now() - Number(ms)) / 1000); return s < 60 ? `${Math.round(s)} s ago` : s < 3600 ? `${Math.round(s / 60)} min ago` : s < 172800 ? `${Math.round(s / 3600)} h ago` : `${num(Math.round(s / 86400))} days ago` }
export const span = ms => { ms = Math.max(0, Number(ms)); return ms < 1000 ? `${Math.round(ms)} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : ms < 3600000 ? `${Math.floor(ms / 60000)} min ${Math.round(ms / 1000) % 60} s` : `${(ms / 3600000).toFixed(1)} h` }
export const plural = (n, one, many = one + 's') => `${num(n)} ${Number(n) === 1 ? one : many}`

export const card = (label, value, kind = '') => html`<div class="card ${kind}"><b>${value}</b><span>${label}</span></div>`
export const pill = (text, kind = '') => html`<span class="pill ${kind}">${text}</span>`
export const bar = part => html`<div class="bar" title="${(100 * part).toFixed(2)} %"><i style="width:${Math.max(part > 0 ? 1 : 0, Math.min(100, 100 * part)).toFixed(2)}%"></i></div>`
export const command = line => html`<div class="command"><code>${line}</code><button type="button" class="small quiet" data-do="copy" data-text="${line}" aria-label="Copy the command">Copy</button></div>`
export const failure = e => html`<p class="error" role="alert">${e.code ? html`<b>${e.code}</b> ` : none}${e.message}</p>`

// table: a head that begins with # is a column of numbers, set to the right.
export const table = (heads, rows, empty = 'Nothing here.', caption = '') => rows.length
  ? html`<div class="scroll" tabindex="0"><table>${caption ? html`<caption>${caption}</caption>` : none}<thead><tr>${heads.map(h => html`<th scope="col" class="${h.startsWith('#') ? 'n' : ''}">${h.replace(/^#/, '')}</th>`)}</tr></thead><tbody>${rows.map(r => html`<tr>${r.map((c, i) => html`<td class="${heads[i].startsWith('#') ? 'n' : ''}">${c}</td>`)}</tr>`)}</tbody></table></div>`
  : html`<p class="dim">${empty}</p>`

// colour gives each name one of twelve colours, the same on every page; of a list, each its own as long as there are enough.
const wheel = ['#3b82f6', '#f59e0b', '#10b981', '#ef4444', '#8b5cf6', '#14b8a6', '#ec4899', '#84cc16', '#f97316', '#06b6d4', '#a855f7', '#eab308']
const given = new Map()
export const colour = name => { if (!given.has(name)) given.set(name, wheel[given.size % wheel.length]); return given.get(name) }
export const dot = name => html`<span class="dot" title="${name}" style="background:${colour(name)}"></span>`

// json fetches JSON; what the servers say of an error becomes the Error's message, and its code where there is one.
export async function json(url, options) {
  const r = await fetch(url, options), text = await r.text()
  let body = null
  try { body = text ? JSON.parse(text) : null } catch { if (r.ok) throw new Error(`${url} does not answer in JSON: ${text.slice(0, 200)}`) }
  if (!r.ok) throw Object.assign(new Error(body?.RemoteException?.message ?? body?.error?.message ?? (text.slice(0, 300) || `${url}: HTTP ${r.status}`)), {status: r.status, code: body?.error?.code ?? body?.RemoteException?.exception})
  return body
}
export const bean = async (name, signal) => (await json('/jmx?qry=' + encodeURIComponent('Hadoop:service=NameNode,name=' + name), {signal})).beans[0] ?? {}

// rows runs SQL and answers its rows as objects.
export async function rows(sql, params = [], signal) {
  const r = await fetch('/query/v1/query', {method: 'POST', signal, headers: {'Content-Type': 'application/json', Accept: 'application/x-ndjson'}, body: JSON.stringify({sql, params})})
  const text = await r.text()
  if (!r.ok) throw queryError(text, r.status)
  return text.split('\n').filter(Boolean).map(l => JSON.parse(l))
}
export function queryError(text, status) {
  try { const e = JSON.parse(text).error; return Object.assign(new Error(e.message), {code: e.code, status}) } catch { return Object.assign(new Error(text.trim().slice(0, 400) || `HTTP ${status}`), {status}) }
}

// kept is what the browser remembers between visits; a browser that may not store anything forgets it.
export const kept = {
  get(key, otherwise) { try { return JSON.parse(localStorage.getItem('lode.' + key)) ?? otherwise } catch { return otherwise } },
  set(key, value) { try { localStorage.setItem('lode.' + key, JSON.stringify(value)) } catch { /* not kept */ } },
}

export function save(blob, name) {
  const a = document.createElement('a'), url = URL.createObjectURL(blob)
  a.href = url; a.download = name; a.click()
  setTimeout(() => URL.revokeObjectURL(url), 60000)
}

// morph makes element's content equal to markup and touches only what differs: focus, selection, scrolling and open details stay.
export function morph(element, markup) {
  const t = document.createElement('template')
  t.innerHTML = markup.toString()
  children(element, t.content)
}
function children(to, from) {
  let a = to.firstChild
  for (let b = from.firstChild; b;) {
    const next = b.nextSibling
    if (!a) to.append(b)
    else if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName || (a.id ?? '') !== (b.id ?? '')) { const old = a; a = a.nextSibling; old.replaceWith(b) }
    else { same(a, b); a = a.nextSibling }
    b = next
  }
  while (a) { const old = a; a = a.nextSibling; old.remove() }
}
function same(a, b) {
  if (a.nodeType !== 1) { if (a.data !== b.data) a.data = b.data; return }
  if (a.hasAttribute('data-keep')) return
  for (const {name} of [...a.attributes]) if (!b.hasAttribute(name) && !(name === 'open' && a.nodeName === 'DETAILS')) a.removeAttribute(name)
  for (const {name, value} of b.attributes) if (a.getAttribute(name) !== value && !(name === 'open' && a.nodeName === 'DETAILS')) a.setAttribute(name, value)
  if (a.nodeName !== 'INPUT' && a.nodeName !== 'TEXTAREA') children(a, b)
}

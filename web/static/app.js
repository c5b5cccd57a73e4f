// The pages of a Lode cluster. No framework: a page is a function that gathers figures, shows markup, and says when to look again.
import {html, none, bean, failure, kept, morph} from './lib.js'
import {overview, datanodes} from './storage.js'
import {files} from './files.js'
import {jobs, job} from './jobs.js'
import {sql} from './sql.js'
import {market, collection, wallet, pipeline} from './dashboards.js'
import {lab} from './lab.js'

const pages = {overview, datanodes, files, jobs, job, sql, market, collection, wallet, pipeline, lab}
const parents = {job: 'jobs', collection: 'market', wallet: 'market'}
const main = document.getElementById('page')

// parse takes "#name/part/part?key=value" apart.
function parse() {
  const text = location.hash.slice(1), at = text.indexOf('?'), path = at < 0 ? text : text.slice(0, at)
  const [name, ...rest] = path.split('/')
  const decode = s => { try { return decodeURIComponent(s) } catch { return s } }
  return {name: pages[name] ? name : 'overview', parts: rest.filter(Boolean).map(decode), query: new URLSearchParams(at < 0 ? '' : text.slice(at + 1))}
}

// One visit is one page being looked at. Going elsewhere ends it: its requests are cancelled, and what still arrives is not shown.
let visit = null
function go() {
  visit?.abort.abort()
  clearTimeout(visit?.timer)
  const where = parse(), abort = new AbortController()
  const mine = visit = {
    ...where, abort, signal: abort.signal, timer: 0, state: {}, on: {}, drawn: false,
    show(markup) {
      if (mine !== visit) return
      if (mine.drawn) morph(main, markup)
      else { main.innerHTML = markup.toString(); mine.drawn = true }
      main.removeAttribute('aria-busy')
      const h = main.querySelector('h1')
      document.title = h ? `${h.textContent.trim()} · Lode` : 'Lode'
    },
    redraw() { if (mine === visit) draw(mine) },
  }
  const nav = parents[where.name] ?? where.name
  for (const a of document.querySelectorAll('nav a')) {
    if (a.hash.slice(1).split('/')[0] === nav) { a.setAttribute('aria-current', 'page'); a.scrollIntoView({block: 'nearest', inline: 'nearest'}) } else a.removeAttribute('aria-current')
  }
  main.setAttribute('aria-busy', 'true')
  scrollTo(0, 0)
  draw(mine)
}

async function draw(mine) {
  clearTimeout(mine.timer)
  const turn = mine.turn = (mine.turn ?? 0) + 1
  let again = 3000
  try { again = await pages[mine.name](mine) } catch (e) {
    if (mine.signal.aborted) return
    mine.show(html`<h1>${mine.name[0].toUpperCase() + mine.name.slice(1)}</h1>${failure(e instanceof TypeError && /fetch/i.test(e.message) ? new Error('The namenode does not answer. This page tries again by itself.') : e)}`)
  }
  if (mine === visit && turn === mine.turn && again) mine.timer = setTimeout(() => draw(mine), document.hidden ? Math.max(15000, again) : again)
}

// Buttons and forms name their action in data-do; the page that is shown has the function.
const common = {
  async copy(el) {
    try { await navigator.clipboard.writeText(el.dataset.text) } catch {
      const t = document.createElement('textarea'); t.value = el.dataset.text; document.body.append(t); t.select(); document.execCommand('copy'); t.remove()
    }
    const before = el.textContent; el.textContent = 'Copied'; setTimeout(() => { el.textContent = before }, 1200)
  },
}
async function act(event, el) {
  const f = visit?.on[el.dataset.do] ?? common[el.dataset.do]
  if (!f) return
  event.preventDefault()
  if (!visit.drawn) return // what is still to be seen belongs to the page before
  try { await f(el, event) } catch (e) { if (!visit.signal.aborted) say(e.message, 'bad') }
}
document.addEventListener('click', e => { const el = e.target.closest('[data-do]:not(form):not(input):not(select)'); if (el) act(e, el) })
document.addEventListener('submit', e => { if (e.target.dataset.do) act(e, e.target) })
document.addEventListener('change', e => { if (e.target.matches('input[data-do],select[data-do]')) act(e, e.target) })
document.addEventListener('keydown', e => { if ((e.key === 'Enter' || e.key === ' ') && e.target.matches('g[data-do]')) act(e, e.target) })

// say tells the outcome of an action at the foot of the window, and to a screen reader.
let saying = 0
export function say(text, kind = 'ok') {
  const el = document.getElementById('say')
  el.textContent = text; el.className = kind; el.hidden = false
  clearTimeout(saying); saying = setTimeout(() => { el.hidden = true }, kind === 'bad' ? 12000 : 4000)
}
addEventListener('lode-say', e => say(e.detail.text, e.detail.kind))

async function state() {
  const pill = document.getElementById('state')
  try {
    const info = await bean('NameNodeInfo')
    pill.textContent = info.Safemode ? 'safe mode' : 'serving'
    pill.className = 'pill ' + (info.Safemode ? 'warn' : 'ok')
    document.getElementById('version').textContent = (info.CompileInfo ?? 'Lode').replace(/,.*/, '')
    document.getElementById('cluster').textContent = info.ClusterId ?? ''
  } catch { pill.textContent = 'no answer'; pill.className = 'pill bad' }
  setTimeout(state, document.hidden ? 30000 : 5000)
}

const themes = ['auto', 'light', 'dark'], theme = document.getElementById('theme')
function paint() { const t = kept.get('theme', 'auto'); if (t === 'auto') delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = t; theme.textContent = `theme: ${t}` }
theme.onclick = () => { kept.set('theme', themes[(themes.indexOf(kept.get('theme', 'auto')) + 1) % 3]); paint() }
document.querySelector('.skip').onclick = e => { e.preventDefault(); main.focus() }
document.addEventListener('visibilitychange', () => { if (!document.hidden) visit?.redraw() })
addEventListener('hashchange', go)
paint(); go(); state()

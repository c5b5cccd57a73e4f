// Dashboards over the gold tables: the market, a collection, a wallet, and the health of the pipeline.
import {html, none, num, amount, bytes, ago, when, card, pill, table, rows, json, command, colour, dot, plural} from './lib.js'
import {columns, shares} from './charts.js'

const address = a => /^0x[0-9a-fA-F]{40}$/.test(a ?? '') ? a.toLowerCase() : null
const brief = a => a ? a.slice(0, 6) + '…' + a.slice(-4) : '–'
const wallet_ = a => a ? html`<a href="#wallet/${a}" title="${a}"><code>${brief(a)}</code></a>` : '–'
const collection_ = (a, name) => a ? html`<a href="#collection/${a}" title="${a}">${name ? name : html`<code>${brief(a)}</code>`}</a>` : '–'
const token = t => t?.length > 14 ? html`<span title="${t}">${t.slice(0, 6)}…${t.slice(-4)}</span>` : t
const eth = v => v === null || v === undefined ? html`<span class="dim">–</span>` : `${amount(v, 4)}`
const usd = v => v === null || v === undefined ? html`<span class="dim">–</span>` : `$ ${amount(v, 0)}`
const time = t => t ? String(t).replace('T', ' ').replace(/(\.\d+)?Z$/, '') : ''
const sale = "price_check <> 'mirror' and buyer <> seller and cast(price_raw as hugeint) > 0"

const search = (what = '') => html`<form data-do="find" class="row find"><label class="sr" for="address">Address of a collection or a wallet</label><input id="address" name="address" data-keep placeholder="0x… of a collection or a wallet" size="44" spellcheck="false" value="${what}"><button class="small" name="to" value="collection">Collection</button><button class="small quiet" name="to" value="wallet">Wallet</button></form>`
function finder(page) {
  page.on.find = (el, event) => {
    const a = address(new FormData(el).get('address').trim())
    if (!a) throw new Error('An address is 0x and forty hexadecimal digits.')
    location.hash = `#${event.submitter?.value ?? 'collection'}/${a}`
  }
}

// asleep shows what to run when the tables are empty or nobody answers.
function asleep(title, e) {
  const gone = e && e.code !== '42P01'
  return html`<h1>${title}</h1><p class="note" role="status">${gone ? `The query service does not answer: ${e.message}` : 'The gold tables are empty.'}</p>
  ${gone ? html`<p>It is part of lode standalone; alone it starts with:</p>${command('lode query')}` : html`<p>Fetch blocks from an Ethereum node, then make the tables; or run the whole demonstration:</p>${command('lode ingest geth --rpc http://127.0.0.1:8545 --blocks 14000000-14000012 --traces --once')}${command('lode job submit nft-gold --wait')}${command('lode demo')}`}`
}
async function gathered(page, title, f) {
  try { return await f() } catch (e) {
    if (page.signal.aborted) return 0
    page.show(asleep(title, e))
    return 5000
  }
}

export const market = page => gathered(page, 'Market', async () => {
  finder(page)
  const ask = (sql, ...params) => rows(sql, params, page.signal)
  const chains = await ask('select blockchain, count(*) as n from gold.market_kpi_daily group by 1 order by 2 desc')
  if (!chains.length) { page.show(asleep('Market')); return 5000 }
  const chain = chains.some(c => c.blockchain === page.state.chain) ? page.state.chain : chains[0].blockchain
  page.on.chain = el => { page.state.chain = el.value; page.redraw() }
  const [total, days, projects, top, big] = await Promise.all([
    ask('select sum(sales) as sales, sum(items) as items, sum(volume_eth) as eth, sum(volume_usd) as usd, sum(unpriced_sales) as unpriced, sum(wash_volume_eth) as wash, sum(platform_fees_usd) as fees, sum(royalties_usd) as royalties, count(distinct block_date) as days, min(block_date) as first, max(block_date) as last from gold.market_kpi_daily where blockchain = $1', chain),
    ask("select strftime(block_date, '%Y-%m-%d') as day, project, volume_eth as eth, sales from gold.market_kpi_daily where blockchain = $1 and block_date in (select distinct block_date from gold.market_kpi_daily where blockchain = $1 order by 1 desc limit 60) order by 1", chain),
    ask('select project, sum(volume_eth) as eth, sum(sales) as sales, sum(volume_usd) as usd, sum(wash_volume_eth) as wash, median(median_price_eth) as mid from gold.market_kpi_daily where blockchain = $1 group by 1 order by 2 desc nulls last', chain),
    ask("select t.rank, t.contract_address as a, c.name, t.volume_eth as eth, t.change_pct as change from gold.top_collections t left join silver.nft_collections c on c.blockchain = t.blockchain and c.contract_address = t.contract_address where t.blockchain = $1 and t.window_name = 'all' order by t.rank limit 15", chain),
    ask(`select block_time, project, nft_contract_address as a, token_id, price_eth, price_usd, buyer, seller from silver.nft_trades where blockchain = $1 and ${sale} order by price_eth desc nulls last limit 15`, chain),
  ])
  const t = total[0], labels = [...new Set(days.map(d => d.day))], names = projects.map(p => p.project), all = projects.reduce((n, p) => n + (p.eth ?? 0), 0)
  names.forEach(colour)
  const measure = page.state.measure ?? 'eth'
  page.on.measure = el => { page.state.measure = el.value; page.redraw() }
  page.show(html`<div class="row between"><h1>Market</h1><div class="row"><label class="sr" for="chain">Chain</label><select id="chain" data-do="chain" data-keep>${chains.map(c => html`<option${c.blockchain === chain ? html` selected` : none}>${c.blockchain}</option>`)}</select></div></div>${search()}
  <div class="cards">${card('sales', num(t.sales))}${card('items', num(t.items))}${card('volume, ETH', amount(t.eth))}${card('volume, USD', usd(t.usd))}${card('suspected wash trades, ETH', eth(t.wash))}${card('fees of platforms', usd(t.fees))}${card('royalties', usd(t.royalties))}${card('sales without a price', num(t.unpriced))}</div>
  <p class="dim">${t.first} to ${t.last}, ${plural(t.days, 'day')} with sales. UTC. Suspected wash trades are part of the volume.</p>
  <div class="row between"><h2>By day</h2><div class="row"><label class="sr" for="measure">Measure</label><select id="measure" data-do="measure" data-keep><option value="eth">volume, ETH</option><option value="sales">sales</option></select></div></div>
  ${columns(labels, names.map(n => ({name: n, values: labels.map(l => days.find(d => d.day === l && d.project === n)?.[measure] ?? 0)})), {unit: measure === 'eth' ? 'ETH' : 'sales', height: 260})}
  <h2>Marketplaces</h2>${shares(projects.map(p => ({name: p.project, value: p.eth ?? 0, key: p.project, note: `${amount(p.eth)} ETH, ${(100 * (p.eth ?? 0) / (all || 1)).toFixed(1)} %, ${plural(p.sales, 'sale')}`})))}
  <div class="grid2"><section><h2>Top collections</h2>${table(['#Rank', 'Collection', '#Volume, ETH', '#Change'], top.map(r => [r.rank, collection_(r.a, r.name), eth(r.eth), r.change === null ? '' : `${amount(r.change, 1)} %`]))}</section>
  <section><h2>Biggest sales</h2>${table(['Collection', 'Token', '#ETH', '#USD', 'Marketplace', 'Buyer', 'Time'], big.map(r => [collection_(r.a), token(r.token_id), eth(r.price_eth), usd(r.price_usd), r.project, wallet_(r.buyer), time(r.block_time)]))}</section></div>`)
  return 15000
})

export const collection = page => gathered(page, 'Collection', async () => {
  finder(page)
  const a = address(page.parts[0])
  if (!a) { page.show(html`<h1>Collection</h1><p class="note">Which one? An address is 0x and forty hexadecimal digits.</p>${search()}`); return 0 }
  const ask = sql => rows(sql, [a], page.signal)
  const [about, days, holders, sales, mint, count, kinds] = await Promise.all([
    ask('select * from silver.nft_collections where contract_address = $1'),
    ask("select strftime(block_date, '%Y-%m-%d') as day, sales, items, volume_eth, volume_usd, floor_eth, open_eth, close_eth, holders, supply, market_cap_eth from gold.collection_kpi_daily where contract_address = $1 order by 1 desc limit 90"),
    ask('select wallet, token_count, share, rank, is_whale from gold.holder_balances where contract_address = $1 order by rank limit 15'),
    ask(`select block_time, project, token_id, price_eth, price_usd, currency_symbol, price, buyer, seller, tx_hash from silver.nft_trades where nft_contract_address = $1 and ${sale} order by block_time desc, log_index desc limit 30`),
    ask('select * from gold.mint_performance where contract_address = $1'),
    ask('select count(*) as n from gold.holder_balances where contract_address = $1'),
    ask('select token_id, n_sales, last_price_eth, max_price_eth, last_sale_time, holder from gold.token_sales_history where contract_address = $1 order by max_price_eth desc nulls last limit 15'),
  ])
  days.reverse()
  const c = about[0] ?? {}, last = days.at(-1) ?? {}, m = mint[0], sum = k => days.reduce((n, d) => n + (d[k] ?? 0), 0)
  if (!about.length && !days.length && !sales.length && !holders.length) {
    page.show(html`<h1>Collection</h1><p class="note">Nothing is known of <code>${a}</code>: no transfer, sale or holder is in the blocks that were taken in.</p>${search(a)}<p><a href="#wallet/${a}">Is it a wallet?</a></p>`)
    return 0
  }
  page.show(html`<h1>${c.name ?? 'Collection'} ${c.symbol ? html`<span class="dim">${c.symbol}</span>` : none}</h1><p class="crumbs"><a href="#market">Market</a> / <code>${a}</code> ${pill(c.token_standard ?? 'unknown standard')} ${c.blockchain ? pill(c.blockchain) : none}</p>
  <div class="cards">${card('sales', num(sum('sales')))}${card('volume, ETH', amount(sum('volume_eth')))}${card('volume, USD', usd(sum('volume_usd')))}${card('floor, ETH', eth(last.floor_eth))}${card('last close, ETH', eth(last.close_eth))}${card('holders', num(count[0]?.n ?? last.holders))}${card('supply seen', c.supply || last.supply ? num(c.supply || last.supply) : '–')}${m ? card(`mints by ${plural(m.minters, 'wallet')}`, num(m.mints)) : none}${m?.resale_multiple ? card('resale over mint price', `${amount(m.resale_multiple, 1)} ×`) : none}</div>
  <h2>By day</h2>${columns(days.map(d => d.day), [{name: 'volume, ETH', values: days.map(d => d.volume_eth)}], {unit: 'ETH', line: {name: 'floor, ETH', values: days.map(d => d.floor_eth)}})}
  <h2>Sales</h2>${table(['Time', 'Token', '#ETH', '#USD', 'Marketplace', 'Seller', 'Buyer'], sales.map(r => [time(r.block_time), token(r.token_id), r.price_eth === null ? `${amount(r.price)} ${r.currency_symbol ?? ''}` : eth(r.price_eth), usd(r.price_usd), r.project, wallet_(r.seller), wallet_(r.buyer)]), 'No sale in the blocks that were taken in.')}
  <div class="grid2"><section><h2>Holders</h2>${table(['#Rank', 'Wallet', '#Tokens', '#Share', ''], holders.map(h => [h.rank, wallet_(h.wallet), num(h.token_count), h.share === null ? '' : `${(100 * h.share).toFixed(2)} %`, h.is_whale ? pill('whale', 'warn') : none]))}</section>
  <section><h2>Tokens</h2>${table(['Token', '#Sales', '#Last, ETH', '#Highest, ETH', 'Holder'], kinds.map(k => [token(k.token_id), num(k.n_sales), eth(k.last_price_eth), eth(k.max_price_eth), wallet_(k.holder)]))}</section></div>`)
  return 15000
})

export const wallet = page => gathered(page, 'Wallet', async () => {
  finder(page)
  const a = address(page.parts[0])
  if (!a) { page.show(html`<h1>Wallet</h1><p class="note">Which one? An address is 0x and forty hexadecimal digits.</p>${search()}`); return 0 }
  const ask = sql => rows(sql, [a], page.signal)
  const [kinds, held, recent, totals] = await Promise.all([
    ask('select kind, count(*) as n, sum(price_eth) as eth from gold.wallet_activity where wallet = $1 group by 1 order by 2 desc'),
    ask('select p.contract_address as a, c.name, p.token_count, p.cost_eth, p.floor_value_eth, p.floor_value_usd, p.realised_eth, p.unrealised_eth from gold.wallet_portfolio p left join silver.nft_collections c on c.blockchain = p.blockchain and c.contract_address = p.contract_address where p.wallet = $1 order by p.floor_value_eth desc nulls last, p.token_count desc limit 50'),
    ask('select event_time, kind, contract_address as a, token_id, price_eth, tx_hash from gold.wallet_activity where wallet = $1 order by event_time desc limit 60'),
    ask('select sum(token_count) as tokens, sum(cost_eth) as cost, sum(floor_value_eth) as floor, sum(floor_value_usd) as usd, sum(realised_eth) as realised, sum(unrealised_eth) as unrealised from gold.wallet_portfolio where wallet = $1'),
  ])
  if (!recent.length && !held.length) {
    page.show(html`<h1>Wallet</h1><p class="note">Nothing is known of <code>${a}</code>: it neither holds nor moved a token in the blocks that were taken in.</p>${search(a)}<p><a href="#collection/${a}">Is it a collection?</a></p>`)
    return 0
  }
  const t = totals[0] ?? {}, of = k => kinds.find(x => x.kind === k) ?? {n: 0}
  page.show(html`<h1>Wallet</h1><p class="crumbs"><a href="#market">Market</a> / <code>${a}</code></p>
  <div class="cards">${card('tokens held', num(t.tokens))}${card('paid for them, ETH', eth(t.cost))}${card('at floor prices, ETH', eth(t.floor))}${card('at floor prices, USD', usd(t.usd))}${card('realised, ETH', eth(t.realised), t.realised < 0 ? 'bad' : '')}${card('unrealised, ETH', eth(t.unrealised), t.unrealised < 0 ? 'bad' : '')}${card(`bought, ${amount(of('buy').eth)} ETH`, num(of('buy').n))}${card(`sold, ${amount(of('sell').eth)} ETH`, num(of('sell').n))}</div>
  <h2>What it did</h2>${shares(kinds.map(k => ({name: k.kind.replace('_', ' '), value: k.n, key: k.kind, note: num(k.n)})))}
  <h2>Portfolio</h2>${table(['Collection', '#Tokens', '#Cost, ETH', '#Floor value, ETH', '#Floor value, USD', '#Realised, ETH', '#Unrealised, ETH'], held.map(h => [collection_(h.a, h.name), num(h.token_count), eth(h.cost_eth), eth(h.floor_value_eth), usd(h.floor_value_usd), eth(h.realised_eth), eth(h.unrealised_eth)]), 'It holds nothing.')}
  <h2>Latest moves</h2>${table(['Time', 'Kind', 'Collection', 'Token', '#ETH', 'Transaction'], recent.map(r => [time(r.event_time), pill(r.kind.replace('_', ' ')), collection_(r.a), token(r.token_id), eth(r.price_eth), html`<code title="${r.tx_hash}">${r.tx_hash?.slice(0, 10)}…</code>`]))}`)
  return 15000
})

// snapshots asks the catalog for the newest snapshot of each table, a few at a time.
async function snapshots(names, signal) {
  const lists = await Promise.all(['bronze', 'silver', 'gold'].map(s => json(`/catalog/v1/namespaces/${s}/tables`, {signal}).then(l => l.identifiers.map(t => `${s}.${t.name}`), e => { if (e.status === 404) return []; throw e })))
  const made = new Set(lists.flat()), out = new Map(names.filter(n => !made.has(n)).map(n => [n, null])), queue = names.filter(n => made.has(n))
  await Promise.all(Array.from({length: 6}, async () => {
    for (let n; (n = queue.shift());) {
      const [space, name] = n.split('.')
      try {
        const m = (await json(`/catalog/v1/namespaces/${space}/tables/${name}`, {signal})).metadata, s = m.snapshots?.find(x => x['snapshot-id'] === m['current-snapshot-id'])
        out.set(n, s ? {at: s['timestamp-ms'], count: m.snapshots.length, ...s.summary} : null)
      } catch (e) { if (signal.aborted) throw e; out.set(n, undefined) }
    }
  }))
  return out
}

export async function pipeline(page) {
  const answers = await Promise.allSettled([
    rows("select blockchain, count(*) as blocks, max(number) as head, max(block_time) as head_time, max(ingest_time) as seen, count(*) filter (where not exists (select 1 from bronze.blocks n where n.blockchain = b.blockchain and n.number = b.number + 1)) as holes from bronze.blocks b group by 1 order by 1", [], page.signal),
    rows('select blockchain, reason, count(*) as logs, max(block_number) as last from silver.decode_quarantine group by 1, 2 order by 3 desc limit 20', [], page.signal),
    rows("select table_schema || '.' || table_name as name, \"TABLE_COMMENT\" as comment from information_schema.tables where table_schema in ('bronze','silver','gold') order by 1", [], page.signal),
    json('/scheduler/api/jobs', {signal: page.signal}),
    rows("select price_check, count(*) as n from silver.nft_trades group by 1 order by 2 desc", [], page.signal),
  ])
  if (page.signal.aborted) return 0
  const [chains, quarantine, tables, jobs, checks] = answers.map(a => a.status === 'fulfilled' ? a.value : null), s = page.state
  const recent = (jobs?.jobs ?? []).slice(0, 200), last = new Map()
  for (const j of recent) if (!last.has(j.name)) last.set(j.name, j)
  if (tables && (!s.at || Date.now() - s.at > 20000)) { s.snapshots = await snapshots(tables.map(t => t.name), page.signal).catch(() => s.snapshots); s.at = Date.now() }
  if (page.signal.aborted) return 0
  const filled = (tables ?? []).filter(t => s.snapshots?.get(t.name)), empty = (tables ?? []).filter(t => s.snapshots?.get(t.name) === null)
  const newest = space => Math.max(0, ...filled.filter(t => t.name.startsWith(space + '.')).map(t => s.snapshots.get(t.name).at)), gold = newest('gold'), bronze = newest('bronze')
  const light = (name, ok, text) => html`<div class="card ${ok ? '' : 'bad'}"><b>${ok ? 'up' : 'down'}</b><span>${name}${text ? `: ${text}` : ''}</span></div>`
  page.show(html`<h1>Pipeline</h1><div class="cards">${light('query service', !!tables)}${light('scheduler', !!jobs)}${light('catalog', !!(s.snapshots && [...s.snapshots.values()].some(v => v !== undefined)) || !tables?.length)}
  ${card('newest bronze snapshot', bronze ? ago(bronze) : 'none')}${card('newest gold snapshot', gold ? ago(gold) : 'none', bronze && gold < bronze - 60000 ? 'warn' : '')}${card('gold behind bronze', bronze && gold ? (gold >= bronze ? 'no' : `${num(Math.round((bronze - gold) / 1000))} s`) : '–')}${card('logs in quarantine', num((quarantine ?? []).reduce((n, q) => n + q.logs, 0)))}${card('jobs failed lately', num(recent.filter(j => j.state === 'FAILED').length), recent.some(j => j.state === 'FAILED') ? 'warn' : '')}</div>
  ${answers[0].status === 'rejected' ? html`<p class="error">${answers[0].reason.message}</p>` : none}
  <h2>Chains</h2>${table(['Chain', '#Blocks', '#Highest', 'Its time', 'Taken in', '#Gaps'], (chains ?? []).map(c => [c.blockchain, num(c.blocks), num(c.head), `${time(c.head_time)} (${ago(Date.parse(c.head_time))})`, ago(Date.parse(c.seen)), num(Math.max(0, c.holes - 1))]), 'No block has been taken in.')}
  ${chains?.length ? none : command('lode ingest geth --rpc http://127.0.0.1:8545 --blocks 14000000-14000012 --traces --once')}
  <h2>Last run of each job</h2>${table(['Job', 'Name', 'State', 'Ended', 'Error'], [...last.values()].map(j => [html`<a href="#job/${j.spec.id}">${j.spec.id}</a>`, j.name, pill(j.state.toLowerCase(), j.state === 'SUCCEEDED' ? 'ok' : j.state === 'RUNNING' ? 'warn' : 'bad'), Number(j.finished_ms) ? ago(j.finished_ms) : 'running', html`<span class="wrap">${(j.diagnostics ?? '').split('\n')[0]}</span>`]), jobs ? 'No job has run yet.' : 'The scheduler does not answer.')}
  <div class="grid2"><section><h2>Quarantine</h2>${table(['Chain', 'Reason', '#Logs', '#Last block'], (quarantine ?? []).map(q => [q.blockchain, html`<span class="wrap">${q.reason}</span>`, num(q.logs), num(q.last)]), 'Every log that a decoder claims was decoded.')}</section>
  <section><h2>Prices against the flow of money</h2>${checks?.length ? shares(checks.map(c => ({name: c.price_check ?? 'none', value: c.n, key: c.price_check ?? 'none', note: num(c.n)}))) : html`<p class="dim">No trades yet.</p>`}</section></div>
  <h2>Tables</h2>${table(['Table', 'Newest snapshot', '#Rows', '#Files', '#Size', '#Snapshots', 'What it is'], filled.map(t => { const x = s.snapshots.get(t.name); return [html`<a href="#sql?q=${encodeURIComponent(`select * from ${t.name} limit 100`)}">${t.name}</a>`, html`<span title="${when(x.at)}">${ago(x.at)}</span>`, num(x['total-records']), num(x['total-data-files']), bytes(x['total-files-size']), num(x.count), html`<span class="wrap dim">${t.comment ?? ''}</span>`] }), tables ? 'No table has a snapshot yet. Try: lode job submit nft-gold --wait' : 'The query service does not answer. Start it with: lode query')}
  ${empty.length && filled.length ? html`<p class="dim">Without rows so far: ${empty.map(t => t.name).join(', ')}.</p>` : none}`)
  return 5000
}

// Overview and datanodes, with the replication watch.
import {html, none, num, bytes, card, pill, bar, table, bean, colour, dot, plural, ago} from './lib.js'
import {traces} from './charts.js'

// The watch remembers the last two minutes of what it saw, over all pages that draw it.
const seen = {'blocks with too few replicas': [], 'copies under way': [], 'missing blocks': []}
function remember(fs) {
  const now = Date.now(), figures = [fs.UnderReplicatedBlocks, fs.PendingReconstructionBlocks ?? fs.PendingReplicationBlocks, fs.MissingBlocks]
  Object.values(seen).forEach((points, i) => { points.push([now, Number(figures[i] ?? 0)]); while (points.length > 2 && points[1][0] < now - 120000) points.shift() })
}

export function replication(fs) {
  remember(fs)
  const under = Number(fs.UnderReplicatedBlocks), pending = Number(fs.PendingReconstructionBlocks ?? fs.PendingReplicationBlocks), missing = Number(fs.MissingBlocks), dead = Number(fs.NumDeadDataNodes)
  const text = missing ? `${plural(missing, 'block')} without any replica: bring a dead datanode back.`
    : under ? `${plural(under, 'block')} below the wanted replication; ${plural(pending, 'copy', 'copies')} ordered${Number(fs.NumLiveDataNodes) < 3 ? '. With fewer live datanodes than replicas wanted, some stay waiting until one comes back' : ''}.`
      : dead ? `${plural(dead, 'datanode')} dead, and every block has its replicas again.` : 'Every block has the replicas that it should have.'
  return html`<section aria-labelledby="watch"><h2 id="watch">Replication</h2><p class="${missing ? 'error' : under ? 'note' : 'dim'}" role="status">${text}</p>${traces(Object.entries(seen).map(([name, points]) => ({name, points})))}</section>`
}

const nodes = info => {
  const read = t => { try { return Object.entries(JSON.parse(t || '{}')) } catch { return [] } }
  return {live: read(info.LiveNodes), dead: read(info.DeadNodes)}
}
const beat = s => s > 5 ? pill(`${num(s)} s`, s > 30 ? 'bad' : 'warn') : `${num(s)} s`

function datanodeTable(info) {
  const {live, dead} = nodes(info)
  for (const [name, d] of live) colour(d.xferaddr ?? name)
  const rows = live.map(([name, d]) => [
    html`${dot(d.xferaddr ?? name)} <a href="http://${d.infoAddr}/">${name}</a>`,
    pill(d.adminState, d.adminState === 'In Service' ? 'ok' : 'warn'), d.location ?? '', beat(d.lastContact),
    num(d.numBlocks), bytes(d.usedSpace ?? d.used), bytes(d.remaining), bytes(d.capacity), bar(1 - (d.remaining ?? 0) / (d.capacity || 1)), num(d.volfails)])
  rows.push(...dead.map(([name, d]) => [html`${dot(d.xferaddr ?? name)} ${name}`, pill(d.decommissioned ? 'decommissioned' : 'dead', 'bad'), '', pill(`${num(d.lastContact)} s`, 'bad'), '', '', '', '', '', '']))
  return table(['Datanode', 'State', 'Rack', '#Last heard', '#Blocks', '#Used', '#Free', '#Capacity', 'Disk in use', '#Failed volumes'], rows, 'No datanode has registered yet. Start one with: lode datanode')
}

export async function overview(page) {
  const [info, fs] = await Promise.all([bean('NameNodeInfo', page.signal), bean('FSNamesystem', page.signal)])
  page.show(html`<h1>Overview</h1>
  ${info.Safemode ? html`<p class="note" role="alert">${info.Safemode}</p>` : none}
  <div class="cards">
  ${card('files and directories', num(info.TotalFiles ?? fs.FilesTotal))}
  ${card('blocks', num(info.TotalBlocks ?? fs.BlocksTotal))}
  ${card(`used of ${bytes(info.Total)}`, bytes(info.Used))}
  ${card('free', bytes(info.Free))}
  ${card('live datanodes', num(fs.NumLiveDataNodes), Number(fs.NumLiveDataNodes) ? '' : 'bad')}
  ${card('dead datanodes', num(fs.NumDeadDataNodes), Number(fs.NumDeadDataNodes) ? 'bad' : '')}
  ${card('too few replicas', num(fs.UnderReplicatedBlocks), Number(fs.UnderReplicatedBlocks) ? 'warn' : '')}
  ${card('copies under way', num(fs.PendingReconstructionBlocks ?? fs.PendingReplicationBlocks))}
  ${card('missing blocks', num(fs.MissingBlocks), Number(fs.MissingBlocks) ? 'bad' : '')}
  ${card('corrupt replicas', num(fs.CorruptBlocks), Number(fs.CorruptBlocks) ? 'bad' : '')}
  </div>${replication(fs)}<h2>Datanodes</h2>${datanodeTable(info)}
  <p class="dim">Started ${ago(info.NNStartedTimeInMillis)}. Try what happens when a datanode dies: <a href="#lab">Lab</a>.</p>`)
  return 1500
}

export async function datanodes(page) {
  const [info, fs] = await Promise.all([bean('NameNodeInfo', page.signal), bean('FSNamesystem', page.signal)])
  const {live} = nodes(info), most = Math.max(1, ...live.map(([, d]) => d.numBlocks))
  page.show(html`<h1>Datanodes</h1>${datanodeTable(info)}
  ${live.length ? html`<h2>Blocks by datanode</h2><div class="shares">${live.map(([name, d]) => html`<div><span class="name">${dot(d.xferaddr ?? name)} ${name}</span><span class="track"><i style="width:${(100 * d.numBlocks / most).toFixed(1)}%;background:${colour(d.xferaddr ?? name)}"></i></span><span class="n">${num(d.numBlocks)} blocks, ${bytes(d.usedSpace ?? d.used)}</span></div>`)}</div>` : none}
  ${replication(fs)}`)
  return 1500
}

// Training scenarios: what to type, and what to watch while it happens. Nothing here changes the cluster by itself.
import {html, none, num, bean, card, command, json} from './lib.js'
import {replication} from './storage.js'

const scenarios = [
  ['A datanode dies', 'Its blocks are under-replicated until the others have made new copies. In training settings a datanode counts as dead a few seconds after its last heartbeat; Apache’s own settings wait ten and a half minutes.',
    ['lode cluster start --dir ./c', 'lode cluster stop --dir ./c datanode1 --kill', 'lode cluster start --dir ./c'], 'The counters and the curve on this page: first fewer live datanodes, then blocks with too few replicas rise, and fall again as copies are made. Start it again: surplus replicas go.'],
  ['Safe mode', 'The namenode answers reads and refuses changes, as it does while it waits for block reports after a start.',
    ['lode dfsadmin -safemode enter', 'lode dfs -touchz /in-safe-mode', 'lode dfsadmin -safemode leave'], 'The pill above turns to “safe mode”; the second line is refused with SafeModeException.'],
  ['More replicas, fewer replicas', 'Replication is a property of each file.',
    ['lode dfs -setrep -w 2 /books/story.txt', 'lode dfs -setrep -w 3 /books/story.txt'], 'The block map of the file: a column loses its cells, then gets them back.'],
  ['A replica rots', 'Checksums are kept beside each block. A damaged replica is noticed by the next reader, or by the datanode’s own scan, reported, and replaced from a healthy one.',
    ['lode dfs -cat /books/story.txt > /dev/null', 'lode fsck /books -files -blocks -locations'], 'Change a byte of a blk_… file below a datanode’s directory first. The reader gets the right bytes all the same; “corrupt replicas” counts one for a moment.'],
  ['A datanode retires', 'Decommissioning copies everything elsewhere before the datanode may go.',
    ['lode dfsadmin -report', 'lode dfsadmin -refreshNodes'], 'Write its HOST:PORT into the file that dfs.hosts.exclude names, then refresh. Its state becomes “Decommission In Progress”, then “Decommissioned”.'],
  ['Words counted, twice', 'A combiner adds up on the map side; without it every word crosses the network.',
    ['lode job submit wordcount /books /out/with', 'lode job submit wordcount -D mapreduce.job.reduces=4 /books /out/four', 'lode dfs -head /out/with/part-r-00000'], 'The job’s page: bytes shuffled, records of each reducer, attempts over time.'],
  ['A worker vanishes in mid-job', 'Its attempts are lost, and so are its map outputs; they run again elsewhere, and the answer is the same.',
    ['lode job submit --no-wait pi 16 20000000', 'lode cluster stop --dir ./c worker0 --kill', 'lode cluster start --dir ./c'], 'The job’s Gantt chart: red attempts on the lost worker, new ones on the other.'],
  ['A task that fails', 'Four attempts, each on another worker where there is one; then the job fails with the last error, readable.',
    ['lode streaming -input /books -output /out/never -mapper "sh -c \'exit 3\'" -reducer cat'], 'The failed attempts on the job’s page, with what they wrote.'],
  ['The namenode is killed', 'Every change is in the journal before it is acknowledged: nothing that was acknowledged is lost.',
    ['lode cluster stop --dir ./c namenode0 --kill', 'lode cluster start --dir ./c', 'lode dfs -ls -R /'], 'This page says “no answer”, then goes on by itself; files, bytes and the cluster id are as before.'],
]

export async function lab(page) {
  const fs = await bean('FSNamesystem', page.signal)
  let jobs = null
  try { jobs = await json('/scheduler/ws/v1/cluster/metrics', { signal: page.signal }) } catch (e) { if (page.signal.aborted) return 0 }
  const m = jobs?.clusterMetrics
  page.show(html`<h1>Lab</h1><p>Faults and their cure, to try on a cluster of your own. The page shows what to type and what happens; a terminal does it, because nobody should be able to kill a server from a browser.</p>
  <div class="cards">${card('live datanodes', num(fs.NumLiveDataNodes), Number(fs.NumLiveDataNodes) ? '' : 'bad')}${card('dead datanodes', num(fs.NumDeadDataNodes), Number(fs.NumDeadDataNodes) ? 'bad' : '')}${card('too few replicas', num(fs.UnderReplicatedBlocks), Number(fs.UnderReplicatedBlocks) ? 'warn' : '')}${card('corrupt replicas', num(fs.CorruptBlocks), Number(fs.CorruptBlocks) ? 'bad' : '')}${m ? card('live workers', num(m.activeNodes), Number(m.activeNodes) ? '' : 'bad') : none}${m ? card('jobs running', num(m.appsRunning)) : none}</div>
  ${replication(fs)}
  <h2>Scenarios</h2><p class="dim">The lines with <code>--dir ./c</code> are for a cluster with a process for each role; lode standalone is one process, of which no part can be killed alone.</p>
  <div class="grid2">${scenarios.map(([name, why, lines, watch]) => html`<section class="panel"><h3>${name}</h3><p>${why}</p>${lines.map(command)}<p class="dim"><b>Watch:</b> ${watch}</p></section>`)}</div>`)
  return 1000
}

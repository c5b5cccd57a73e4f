// Package worker runs tasks on one machine: it keeps a stream to the scheduler, starts task processes in process groups of their own,
// serves the map outputs that lie on its disk to reducers, and the attempts' logs to whoever asks.
//
// Everything of a job lies below <dir>/<worker id>/jobs/<job> and goes when the scheduler says so (side files, map outputs,
// working directories); logs stay below <dir>/<worker id>/logs until they are a week old. A new worker gets a new id, and
// removes what earlier ones left in the same directory.
//
// A guard beside every task process kills one that uses a quarter more than its memory (lode.worker.memory by lode.worker.slots, or
// more on a job's wish: mapreduce.map.memory.mb), children counted, and begins a log anew at 64 MB (mapreduce.task.userlog.limit.kb).
//
// When the stream breaks the worker goes on: it reconnects, tells what it runs and what it has finished, and the scheduler, old
// or restarted, takes it from there.
package worker

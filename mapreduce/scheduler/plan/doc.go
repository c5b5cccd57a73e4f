// Package plan is the scheduler's decision maker: a state machine without I/O, clock, goroutine or randomness. Events go in
// (a job is submitted, a worker comes or goes, an attempt reports), decisions come out (launch this attempt there, kill that
// one, this job has ended). The same events give the same decisions.
//
// # Life of a job
//
// NEW → RUNNING → SUCCEEDED, FAILED or KILLED. Its stages run in order; each goes through the phases setup, map, reduce, commit.
// A setup task that ran its whole stage (uber) goes straight to the next stage. A job that fails or is killed while
// something may have been written gets an abort task first.
//
// # Rules
//
// A task fails for good after MaxAttempts failed attempts, and its job with it. Killed and lost attempts do not count. A worker on
// which MaxWorkerFailures attempts of a job failed gets no more of that job, unless that would leave it none. Of two
// attempts of a task the first to report success wins; the other is killed, and what it reports later is ignored.
// A reduce attempt that cannot fetch map outputs makes those maps run again, and is itself repeated without blame.
// Running reduces wait for nothing: they start when every map output is there.
package plan

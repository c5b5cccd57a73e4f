// Package scheduler is the batch platform's master: it accepts jobs, lets the plan decide, tells workers what to run, and remembers
// in the file system what a restart needs.
//
// # What is where
//
// Everything lies below Config.Dir (/lode/batch) in the file system:
//
//	jobs/<job>/job.json       the submission, written before it is acknowledged
//	jobs/<job>/setup-<n>.pb   the answer of stage n's setup task: splits and partitions stay the same over a restart
//	jobs/<job>/token          what the job's shuffle servers want to see
//	history/<job>.json        the job as it ended; when it is there, jobs/<job> goes
//	bin/<sha256>              users' binaries
//	files/<sha256>/<name>     side files
//
// What attempts have finished is not written down: the workers keep it and tell it again when they register with a restarted
// scheduler. If one has gone meanwhile, its tasks run again, which costs time and no correctness, since only the commit publishes.
//
// # Ports
//
// One port serves gRPC (HTTP/2 without TLS) and the REST of package rest (HTTP/1.1). Beyond loopback a token is required.
package scheduler

// Package scheduler is the batch platform's master: it accepts jobs, lets the plan decide, tells workers what to run, and remembers
// in the file system what a restart needs.
//
// # What is where
//
// Everything lies below Config.Dir (/lode/batch) in the file system:
//
//	jobs/<job>/job.json       the submission, written before it is acknowledged
//	jobs/<job>/stage-<n>-setup.pb   the answer of stage n's setup task: splits and partitions stay the same over a restart
//	jobs/<job>/stage-<n>-tasks.pb   the answers of its map and reduce tasks, written before the commit begins
//	jobs/<job>/token          what the job's shuffle servers want to see
//	history/<job>.json        the job as it ended; when it is there, jobs/<job> goes
//	bin/<sha256>              users' binaries
//	files/<sha256>/<name>     side files
//
// What attempts have finished is not written down until all have: the workers keep it and tell it again when they register with a
// restarted scheduler. If one has gone meanwhile, its tasks run again, which costs time and no correctness, since only the commit
// publishes. A commit, though, may have taken place when scheduler, worker or task die before the word is out, and must then be
// repeated with the very same files: that is why it waits for stage-<n>-tasks.pb.
//
// # Ports
//
// One port serves gRPC (HTTP/2 without TLS) and the REST of package rest (HTTP/1.1). Beyond loopback a token is required.
package scheduler

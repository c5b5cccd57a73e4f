// Package shuffle moves map output to reduce tasks. Every worker serves the spill files of its map tasks over plain HTTP/1.1, many
// segments to a request, each by sendfile:
//
//	GET /mapOutput?job=job_…&reduce=3&map=attempt_…,attempt_…
//
// answers one frame a map, in the order asked: a 24-byte header (magic, status, length, raw length), then the segment as it lies
// in the file. Blocks inside a segment carry their own checksums, so the server reads nothing and the reducer verifies
// everything. A map output on the same machine is opened directly and never gets here.
package shuffle

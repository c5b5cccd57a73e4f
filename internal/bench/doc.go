// Package bench measures a Lode cluster as `lode bench` prints it: storage (bytes written and read by one client), metadata
// (operations a second at 1, 16 and 64 callers) and batch (word count and sort of 500 MB). Every figure stands beside the
// physical limit of this machine, measured in the same run, and the processor time that the servers spent on it, since a
// client that fills its core hides the server.
package bench

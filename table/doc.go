// Package table keeps Lode's Iceberg tables on a file system: it is the only room (with its sub-rooms) that knows iceberg-go.
//
// # Words
//
// A warehouse is a directory, usually hdfs://…/lode/warehouse. A namespace is a directory in it, a table a directory in
// that: <warehouse>/<namespace>/<table>/{metadata,data}. The metadata directory is in the layout of Iceberg's Hadoop
// tables (vN.metadata.json, version-hint.text), so Spark's `type=hadoop` catalog can read a warehouse without asking us.
// A table that was renamed, or that was created at a location of its own, has a pointer file instead of a metadata directory.
//
// A descriptor (table/datafile) says everything that Iceberg has to know about a data file: path, partition values, counts,
// bounds. A manifest (also datafile) is what a job hands over when its tasks are done: the descriptors, the mode, and the
// definition of the table in case there is none yet.
//
// # How data moves
//
// Plan turns a table and a filter into descriptors with the hosts that hold their blocks: the splits of a job. The job's tasks
// write Parquet through table/datafile and answer with descriptors. Commit makes exactly one snapshot of a manifest; no data
// file is read again.
//
// # What it promises
//
//   - A commit is one rename-without-overwrite of a metadata file, so it happens or it does not, whoever races.
//   - A commit that lost a race is built again on the winner's state and tried again; a commit id that is already in the
//     history of the table is answered with the snapshot that it made. Doing a commit twice is harmless.
//   - A rename whose answer was lost is settled by looking at the file, never by guessing.
//   - Data files are immutable and are deleted only by expiry, orphan removal and purge; a table with clones keeps what they share.
//
// # Why not iceberg-go's Hadoop catalog
//
// Its CommitTable reports a lost race without wrapping ErrCommitFailed, so nothing retries it (measured: 14 of 40 appends lost
// their race for good), it lists the whole metadata directory several times a commit, and it has neither rename nor custom locations.
// Catalog here is the same protocol in fewer calls.
package table

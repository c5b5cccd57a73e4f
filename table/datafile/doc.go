// Package datafile writes and reads the data files of Lode's tables: Parquet files with Iceberg field ids, and the small JSON
// papers that travel with them. It is the half of the table room that task processes may link: pure Go, no iceberg-go, no cgo.
//
// The words. A Schema lists the fields of a table with their Iceberg ids. A Table is a schema with a name, a partition spec, a
// sort order and descriptions; package schemas holds every table of the contract. A Batch is a set of rows held column by column.
// A Writer turns batches into one Parquet file and, when closed, into a Descriptor: everything that an Iceberg manifest wants to
// know of the file. A TableWriter routes rows to one Writer for each partition. A Manifest names the table, how to add
// the files (append, overwrite, …) and the files themselves: a job's tasks return descriptors, the job's commit step gathers
// them into one Manifest and `lode-gold table commit` makes one snapshot of it. A Reader gives the batches of a file back, only the columns
// that were asked for.
//
// How data moves: job → Batch → Writer → file + Descriptor → Manifest → lode-gold → snapshot; snapshot → plan (descriptors) → Reader → Batch → job.
// Between map and reduce a row travels as bytes (AppendRow, Batch.AppendEncoded): self-contained, no schema inside, both ends know the table.
//
// Promises. Values are exact: uint256 is kept as decimal digits in a string column, times are microseconds UTC without zone. A
// file is complete when Close returned its Descriptor, and not before; a Writer that failed leaves nothing that a Manifest names.
// Memory is one row group for each open file.
package datafile

// Package query answers SQL over the tables of a warehouse with DuckDB.
//
// # How data moves
//
// A refresher asks the catalog for the current snapshot of every table. Data files are immutable, so the file cache copies
// each one to local disk once, keyed by its path. For every table the refresher builds a DuckDB view over its files, resolved by
// Iceberg field id, in a schema named like the namespace; small tables are loaded into memory, so that a point lookup costs a fraction of a
// millisecond. All views of a refresh change in one DuckDB transaction: a query sees one consistent set of snapshots from its first row to its last.
//
// A statement sees what was committed before it began: before it runs, the tables that it names are compared with their newest versions (one look at the
// file system each, shared by all who ask) and refreshed if they moved. The refresher's own rounds find new tables and keep copies warm.
//
// A statement comes in through one of the protocols (http in this package, query/pgwire, query/flight), passes the gate, takes a slot
// of the semaphore, runs with a deadline, and its rows stream out as Arrow batches.
//
// # The gate
//
// Users read tables; nothing else. The statement is parsed by DuckDB's own parser (json_serialize_sql, which refuses everything that is not a SELECT and
// refuses several statements where one is not), then the syntax tree is walked: table functions are allowed by name, functions that look outside are refused, and a
// base table must be a name and not a path. Below the gate the engine itself is locked: no external access beyond the cache, no extensions, no settings.
// Never hand a statement to Prepare before the gate has seen it: the driver executes all statements of a string but the last while preparing.
//
// # What it promises
//
//   - Errors carry an SQLSTATE: 42601 syntax, 42P01 unknown table, 42703 unknown column, 42883 unknown function, 22P02 bad value, 57014 cancelled or timed out, 42501 refused.
//   - Leaving (a closed connection, a cancel request) stops the query within two seconds.
//   - Memory is bounded by the configuration, whatever the number of rows in a result.
package query

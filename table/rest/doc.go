// Package rest serves a catalog over the Iceberg REST protocol, so that Spark, Trino, PyIceberg and DuckDB read and write the
// tables. It translates; what a commit is and how it is made safe is table.Catalog's.
//
// Offered: configuration, namespaces, tables (create, staged create, register, load, commit, drop, purge, rename), metrics reports (taken and
// dropped). Not offered: views, several tables in one transaction, credentials, remote scan planning.
package rest

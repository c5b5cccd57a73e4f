// Package flight serves the query service over Arrow Flight SQL: statements, prepared statements with parameters, the catalogue of tables. Rows leave as the engine's own
// batches. The gate and the errors are the service's.
package flight

// Package pgwire shows the query service to PostgreSQL clients: psql, JDBC, psycopg, SQLAlchemy, Grafana.
//
// A statement is first looked at as PostgreSQL's clients mean it (statement.go): transactions, SET and SHOW of a session, PREPARE and cursors are answered here, because the
// service has no sessions and no transactions; everything else is a query. Queries are put into the engine's words (rewrite.go): a few functions, casts and catalogue relations have other
// names there. Then the service's own gate judges them, as it does for HTTP.
//
// The catalogue relations that drivers ask for are in catalog.go, as macros and views in the engine.
//
// Promises: the same refusals and SQLSTATEs as over HTTP; a CancelRequest stops a query within two seconds; a result of any size is streamed, a cursor or a portal is suspended between fetches.
package pgwire

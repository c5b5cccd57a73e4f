// Package sqlcli is `lode sql`: a client of the query service over HTTP, in pure Go. It never links the engine.
package sqlcli

//go:build cgo && duckdb_arrow

package main

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/table/storage"
)

// openFS opens the file system of a URI.
func openFS(_ context.Context, uri string, _ *conf.Conf, _ *slog.Logger) (storage.FS, func() error, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, nil, usagef("--fs %s: %w", uri, err)
	}
	switch u.Scheme {
	case "file":
		local, err := storage.NewLocal(u.Path)
		return local, func() error { return nil }, err
	}
	return nil, nil, usagef("--fs %s: hdfs://host:port or file:///directory", uri)
}

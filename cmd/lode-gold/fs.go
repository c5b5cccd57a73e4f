//go:build cgo && duckdb_arrow

package main

import (
	"net/url"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/table/storage"
	"github.com/lodehq/lode/table/storage/hdfs"
)

// openFS opens the file system of a URI; close ends its client.
func openFS(uri string, cf *conf.Conf) (fs storage.FS, end func() error, err error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, nil, usagef("--fs %s: %w", uri, err)
	}
	switch u.Scheme {
	case "file":
		local, err := storage.NewLocal(u.Path)
		if err != nil {
			return nil, nil, err
		}
		return local, func() error { return nil }, nil
	case "hdfs":
		remote, err := hdfs.Open(uri, cf)
		if err != nil {
			return nil, nil, err
		}
		return remote, remote.Close, nil
	}
	return nil, nil, usagef("--fs %s: hdfs://host:port or file:///directory", uri)
}

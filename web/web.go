// Package web holds the pages, embedded in the binary: plain HTML, CSS and JavaScript that a browser runs as they are. They
// read what scripts read too: /jmx, /webhdfs/v1, the scheduler's REST and the query service's HTTP, the last two through the
// gateway paths /scheduler/, /query/ and /catalog/ of the same port.
//
// static/app.js knows which page is being looked at and starts and ends visits; lib.js makes markup (every value in it is escaped) and
// requests; charts.js draws; each other file is a page or a few that belong together. A page is a function of its visit: it gathers
// figures, shows markup, and returns after how many milliseconds it wants to look again, 0 for never.
package web

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed static
var files embed.FS

// Handler serves the pages; / is the cluster's page.
func Handler() http.Handler {
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	serve := http.FileServerFS(static)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	})
}

package trust

import "net/http"

// SameOrigin refuses what another site's page makes a visitor's browser send: the address is the visitor's own and trusted, the
// intent is not. Requests that only read, and those of anything but a browser, pass; so does what our own pages send.
func SameOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "refused: a page of another site may change nothing here", http.StatusForbidden)
	}))
	return p.Handler(next)
}

package trust

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestTrusts(t *testing.T) {
	p, err := Parse([]string{"172.28.0.0/24", "10.1.2.3"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]bool{"127.0.0.1": true, "::1": true, "172.28.0.9": true, "172.28.1.9": false, "10.1.2.3": true, "10.1.2.4": false, "::ffff:172.28.0.9": true} {
		if got := p.Trusts(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if _, err := Parse([]string{"nowhere"}, ""); err == nil {
		t.Error("a word is no network")
	}
}

func TestHTTP(t *testing.T) {
	h := Policy{Token: "s3cret"}.HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, c := range []struct {
		from, header, query string
		want                int
	}{{"127.0.0.1:5", "", "", 204}, {"192.0.2.1:5", "", "", 401}, {"192.0.2.1:5", "Bearer s3cret", "", 204}, {"192.0.2.1:5", "Bearer wrong", "", 401}, {"192.0.2.1:5", "", "?token=s3cret", 204}} {
		r := httptest.NewRequest(http.MethodGet, "/x"+c.query, nil)
		r.RemoteAddr = c.from
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
}

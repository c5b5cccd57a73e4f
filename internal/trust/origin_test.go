package trust

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestSameOrigin(t *testing.T) {
	h := SameOrigin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for name, c := range map[string]struct {
		method  string
		headers map[string]string
		want    int
	}{
		"curl":                        {"POST", nil, 204},
		"our page":                    {"POST", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://cluster:9870"}, 204},
		"our page, an older browser":  {"PUT", map[string]string{"Origin": "http://cluster:9870"}, 204},
		"another site":                {"POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://elsewhere.example"}, 403},
		"another port of this host":   {"POST", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://cluster:3000"}, 403},
		"another site, older browser": {"DELETE", map[string]string{"Origin": "http://elsewhere.example"}, 403},
		"another site that reads":     {"GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 204},
	} {
		r := httptest.NewRequest(c.method, "http://cluster:9870/webhdfs/v1/x?op=APPEND", nil)
		for k, v := range c.headers {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
}

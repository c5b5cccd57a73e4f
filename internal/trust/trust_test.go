package trust

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
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

func TestMayServe(t *testing.T) {
	named, err := Parse([]string{"10.0.0.0/8"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p      Policy
		listen string
		ok     bool
	}{
		{Policy{}, "127.0.0.1:1", true}, {Policy{}, "localhost:1", true}, {Policy{}, "[::1]:1", true},
		{Policy{}, "0.0.0.0:1", false}, {Policy{}, ":1", false}, {Policy{}, "scheduler:1", false}, {Policy{}, "nonsense", false},
		{named, "0.0.0.0:1", true}, {Policy{Token: "t"}, "0.0.0.0:1", true},
	} {
		if err := c.p.MayServe("lode.some.address", c.listen); (err == nil) != c.ok {
			t.Errorf("%+v on %s: %v", c.p, c.listen, err)
		}
	}
}

// from gives a connection another remote address.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

type conns struct{ list []net.Conn }

func (c *conns) Accept() (net.Conn, error) {
	if len(c.list) == 0 {
		return nil, net.ErrClosed
	}
	next := c.list[0]
	c.list = c.list[1:]
	return next, nil
}
func (c *conns) Close() error   { return nil }
func (c *conns) Addr() net.Addr { return &net.TCPAddr{} }

func TestListener(t *testing.T) {
	p, err := Parse([]string{"10.0.0.0/8"}, "")
	if err != nil {
		t.Fatal(err)
	}
	peer := func(ip string) (net.Conn, net.Conn) {
		here, there := net.Pipe()
		return from{here, &net.TCPAddr{IP: net.ParseIP(ip), Port: 5}}, there
	}
	stranger, end := peer("192.0.2.1")
	again, _ := peer("192.0.2.1")
	friend, _ := peer("10.1.2.3")
	local, _ := peer("127.0.0.1")
	var log bytes.Buffer
	l := p.Listener(&conns{[]net.Conn{stranger, again, friend, local}}, slog.New(slog.NewTextHandler(&log, nil)))
	for _, want := range []net.Conn{friend, local} {
		if got, err := l.Accept(); got != want || err != nil {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if _, err := end.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the stranger's connection: %v", err)
	}
	if n := strings.Count(log.String(), "192.0.2.1"); n != 1 {
		t.Errorf("%d lines about the stranger:\n%s", n, log.String())
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("at the end: %v", err)
	}
}

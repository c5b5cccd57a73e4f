// Package trust says who may speak without proof. Hadoop's simple authentication believes whatever user name a caller gives,
// so Lode believes it only from networks that the operator names (lode.trusted.networks; loopback when nothing is said), and
// from anywhere else asks for the cluster's token (lode.token), which HTTP carries as "Authorization: Bearer TOKEN" and gRPC as
// metadata of that name. Hadoop's RPC and data transfer have no place for such a token: their ports accept trusted networks only.
package trust

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Policy is what is trusted. The zero value trusts loopback.
type Policy struct {
	Networks []netip.Prefix
	Token    string
}

// ErrRefused says that a caller is neither in a trusted network nor has the token.
var ErrRefused = errors.New("refused: the caller's address is in no trusted network (lode.trusted.networks) and it gave no valid token (lode.token)")

// Parse makes a Policy from the values of lode.trusted.networks and lode.token. "*" trusts everybody.
func Parse(networks []string, token string) (Policy, error) {
	p := Policy{Token: token}
	for _, n := range networks {
		if n == "*" {
			p.Networks = append(p.Networks, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
			continue
		}
		if !strings.Contains(n, "/") {
			a, err := netip.ParseAddr(n)
			if err != nil {
				return p, fmt.Errorf("lode.trusted.networks: %w", err)
			}
			p.Networks = append(p.Networks, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		net, err := netip.ParsePrefix(n)
		if err != nil {
			return p, fmt.Errorf("lode.trusted.networks: %w", err)
		}
		p.Networks = append(p.Networks, net.Masked())
	}
	return p, nil
}

// Trusts tells whether an address may speak without proof. This machine's loopback always may.
func (p Policy) Trusts(a netip.Addr) bool {
	a = a.Unmap()
	if a.IsLoopback() {
		return true
	}
	for _, n := range p.Networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// HasToken tells whether text is the cluster's token.
func (p Policy) HasToken(text string) bool {
	return p.Token != "" && subtle.ConstantTimeCompare([]byte(text), []byte(p.Token)) == 1
}

// Cookie is the name under which a browser keeps the token.
const Cookie = "lode-token"

// HTTP lets a request through when its address is trusted or it has the token. Browsers may give the token once as
// ?token=…, which becomes a cookie.
func (p Policy) HTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && p.Trusts(from.Addr()) {
			next.ServeHTTP(w, r)
			return
		}
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if c, err := r.Cookie(Cookie); bearer == "" && err == nil {
			bearer = c.Value
		}
		if t := r.URL.Query().Get("token"); bearer == "" && p.HasToken(t) {
			http.SetCookie(w, &http.Cookie{Name: Cookie, Value: t, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			bearer = t
		}
		if !p.HasToken(bearer) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="lode"`)
			http.Error(w, ErrRefused.Error(), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// IsLoopback tells whether an address to listen on, HOST:PORT, is reachable from this machine only.
func IsLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// MayServe refuses an address beyond loopback, the value of a key, where nobody beyond loopback would be heard: the operator has
// forgotten to say who may come.
func (p Policy) MayServe(key, listen string) error {
	if IsLoopback(listen) || len(p.Networks) > 0 || p.Token != "" {
		return nil
	}
	return fmt.Errorf("%s is %s: beyond loopback somebody must be trusted, or anybody could do anything: set lode.trusted.networks (10.1.0.0/16,…) or lode.token (or LODE_TOKEN), or listen on 127.0.0.1", key, listen)
}

// Listener drops connections from networks that are not trusted, and says so in the log once an address.
func (p Policy) Listener(l net.Listener, log *slog.Logger) net.Listener {
	return &listener{Listener: l, policy: p, log: log, seen: map[netip.Addr]bool{}}
}

type listener struct {
	net.Listener
	policy Policy
	log    *slog.Logger
	seen   map[netip.Addr]bool // only Accept's goroutine touches it
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err != nil || l.policy.Trusts(from.Addr()) { // a UNIX socket has no address: the file's permissions guard it
			return c, nil
		}
		if a := from.Addr(); !l.seen[a] && len(l.seen) < 1000 {
			l.seen[a] = true
			l.log.Warn("connection refused: the address is in none of lode.trusted.networks", "from", a, "port", l.Addr())
		}
		c.Close()
	}
}

package namenode

import (
	"fmt"
	"net"
	"net/netip"
	"os/user"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/namenode/namespace"
)

// maxCachedUsers bounds what names from outside may make the namenode remember.
const maxCachedUsers = 16 << 10

// users maps names to groups: the static table first (hadoop.user.group.static.mapping.overrides), then the operating system's. It
// remembers answers for a while.
type users struct {
	self, superGroup string
	static           map[string][]string
	ttl              time.Duration
	lookup           func(name string) []string // the operating system's groups, the primary one first
	now              func() time.Time
	conf             func() (*conf.Conf, error)

	mu      sync.RWMutex // guards what follows
	known   map[string]knownUser
	proxies map[string]proxyRule
}

type knownUser struct {
	caller namespace.Caller
	until  time.Time
}

// proxyRule says for whom, and from where, a user may speak (hadoop.proxyuser.NAME.{hosts,groups,users}).
type proxyRule struct {
	hosts, groups, users []string
}

func newUsers(c Config) (*users, error) {
	u := &users{self: c.User, superGroup: c.SuperGroup, static: parseGroupMapping(c.GroupMapping), ttl: c.GroupCache, lookup: osGroups,
		now: time.Now, conf: c.Conf, known: map[string]knownUser{}}
	return u, u.RefreshProxies()
}

// parseGroupMapping reads "user=group,group;user=;…".
func parseGroupMapping(s string) map[string][]string {
	m := map[string][]string{}
	for _, part := range strings.Split(s, ";") {
		name, list, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || name == "" {
			continue
		}
		groups := []string{}
		for _, g := range strings.Split(list, ",") {
			if g = strings.TrimSpace(g); g != "" {
				groups = append(groups, g)
			}
		}
		m[name] = groups
	}
	return m
}

func osGroups(name string) []string {
	u, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil
	}
	if i := slices.Index(ids, u.Gid); i > 0 {
		ids = append([]string{u.Gid}, slices.Delete(ids, i, i+1)...)
	}
	var groups []string
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			groups = append(groups, g.Name)
		}
	}
	return groups
}

// Caller gives a user's groups and whether it is a superuser.
func (u *users) Caller(name string) namespace.Caller {
	now := u.now()
	u.mu.RLock()
	k, ok := u.known[name]
	u.mu.RUnlock()
	if ok && now.Before(k.until) {
		return k.caller
	}
	groups, ok := u.static[name]
	if !ok {
		groups = u.lookup(name)
	}
	k = knownUser{namespace.Caller{User: name, Groups: groups, Superuser: name == u.self || slices.Contains(groups, u.superGroup)}, now.Add(u.ttl)}
	u.mu.Lock()
	if len(u.known) >= maxCachedUsers {
		clear(u.known)
	}
	u.known[name] = k
	u.mu.Unlock()
	return k.caller
}

// Refresh forgets all groups.
func (u *users) Refresh() {
	u.mu.Lock()
	clear(u.known)
	u.mu.Unlock()
}

// RefreshProxies reads the rules for proxy users.
func (u *users) RefreshProxies() error {
	c, err := u.conf()
	if err != nil {
		return fmt.Errorf("read the rules for proxy users: %w", err)
	}
	proxies := map[string]proxyRule{}
	for _, kv := range c.Pairs() {
		rest, ok := strings.CutPrefix(kv[0], "hadoop.proxyuser.")
		if !ok {
			continue
		}
		i := strings.LastIndexByte(rest, '.')
		if i < 0 {
			continue
		}
		name, r := rest[:i], proxies[rest[:i]]
		switch rest[i+1:] {
		case "hosts":
			r.hosts = c.Strings(kv[0])
		case "groups":
			r.groups = c.Strings(kv[0])
		case "users":
			r.users = c.Strings(kv[0])
		}
		proxies[name] = r
	}
	u.mu.Lock()
	u.proxies = proxies
	u.mu.Unlock()
	return nil
}

// Authorize says whether realUser may speak for name from that address (DefaultImpersonationProvider).
func (u *users) Authorize(name, realUser string, from netip.Addr) error {
	u.mu.RLock()
	r, ok := u.proxies[realUser]
	if !ok {
		r, ok = u.proxies["*"]
	}
	u.mu.RUnlock()
	if !ok || !matches(r.users, name) && !u.inGroups(name, r.groups) {
		return fmt.Errorf("User: %s is not allowed to impersonate %s", realUser, name)
	}
	if !hostAllowed(r.hosts, from) {
		return fmt.Errorf("Unauthorized connection for super-user: %s from IP %s", realUser, from)
	}
	return nil
}

func matches(list []string, name string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, name)
}

func (u *users) inGroups(name string, list []string) bool {
	if slices.Contains(list, "*") {
		return true
	}
	return len(list) > 0 && slices.ContainsFunc(u.Caller(name).Groups, func(g string) bool { return slices.Contains(list, g) })
}

// hostAllowed matches an address with addresses, networks and host names.
func hostAllowed(list []string, from netip.Addr) bool {
	for _, h := range list {
		if h == "*" {
			return true
		}
		if p, err := netip.ParsePrefix(h); err == nil {
			if p.Contains(from) {
				return true
			}
			continue
		}
		if a, err := netip.ParseAddr(h); err == nil {
			if a == from {
				return true
			}
			continue
		}
		if found, err := net.LookupHost(h); err == nil && slices.Contains(found, from.String()) {
			return true
		}
	}
	return false
}

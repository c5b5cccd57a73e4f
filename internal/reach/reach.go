// Package reach says under which address the clients of a network reach a datanode. A datanode registers one address, which is
// the one that its peers use; a client behind a port mapping (a host in front of containers, a laptop in front of a private
// network) reaches it under another. The namenode answers each client by these rules, so that nobody edits /etc/hosts.
//
// Rules are read from lode.namenode.client-addresses: rules are separated by ";", and the parts of a rule by white space. The
// first part is one network or several, separated by commas; each other part gives one datanode's address there:
//
//	172.28.0.1 datanode1=127.0.0.1:9866:9864:9867 datanode2=127.0.0.1:19866:19864:19867; 10.0.0.0/8 *=gateway.example.org
//
// A datanode is named by its uuid, its host name, its registered IP address, or either with :PORT of its data port when several
// are on one machine; "*" is every datanode that the rule does not name. The address is a host name or IP address (IPv6 in
// brackets) with the data, web and IPC ports as the clients see them; ports that are left out or 0 are the registered ones.
// The first rule whose network has the client decides; a datanode that it does not name keeps its registered address, so a
// rule that names none excepts its network from later rules. Datanodes themselves must get registered addresses.
//
// Datanodes are not fooled by an address that a client passes to them for a pipeline: they know each other by uuid.
package reach

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Address is where a datanode is reached. Host is a name or an IP address without brackets.
type Address struct {
	Host            string
	Xfer, Info, IPC uint32
}

// Datanode is a datanode as it has registered.
type Datanode struct {
	UUID, IP, Hostname string
	Xfer, Info, IPC    uint32
}

// Rules are read by Parse. The zero value changes nothing. They are immutable.
type Rules []rule

type rule struct {
	networks []netip.Prefix
	named    map[string]Address
	others   *Address
}

// Parse reads rules. The error names the part that is wrong and the form that is allowed.
func Parse(text string) (Rules, error) {
	var out Rules
	for _, line := range strings.Split(text, ";") {
		parts := strings.Fields(line)
		if len(parts) == 0 {
			continue
		}
		r, err := parseRule(parts)
		if err != nil {
			return nil, fmt.Errorf("lode.namenode.client-addresses: %w; the form is NETWORK[,NETWORK] DATANODE=HOST[:DATAPORT[:WEBPORT[:IPCPORT]]] …; NETWORK …", err)
		}
		out = append(out, r)
	}
	return out, nil
}

func parseRule(parts []string) (rule, error) {
	r := rule{named: map[string]Address{}}
	for _, n := range strings.Split(parts[0], ",") {
		p, err := network(n)
		if err != nil {
			return r, err
		}
		r.networks = append(r.networks, p)
	}
	for _, part := range parts[1:] {
		name, text, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return r, fmt.Errorf("%q gives no address to a datanode", part)
		}
		a, err := address(text)
		if err != nil {
			return r, err
		}
		if name == "*" {
			r.others = &a
			continue
		}
		if _, twice := r.named[name]; twice {
			return r, fmt.Errorf("%q has two addresses in one network", name)
		}
		r.named[name] = a
	}
	return r, nil
}

func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is no network such as 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

// address reads HOST[:XFER[:INFO[:IPC]]].
func address(text string) (Address, error) {
	var a Address
	var rest string
	if inner, after, ok := strings.Cut(strings.TrimPrefix(text, "["), "]"); ok && strings.HasPrefix(text, "[") {
		a.Host, rest = inner, after
		if ip, err := netip.ParseAddr(inner); err != nil || !ip.Is6() {
			return a, fmt.Errorf("%q is no IPv6 address", inner)
		}
	} else {
		a.Host, rest, _ = strings.Cut(text, ":")
		if rest != "" {
			rest = ":" + rest
		}
	}
	if a.Host == "" {
		return a, fmt.Errorf("%q has no host", text)
	}
	ports := []*uint32{&a.Xfer, &a.Info, &a.IPC}
	for i := 0; rest != ""; i++ {
		var port string
		port, rest, _ = strings.Cut(rest[1:], ":")
		if rest != "" {
			rest = ":" + rest
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || i >= len(ports) {
			return a, fmt.Errorf("%q: %q is not one of at most three ports (an IPv6 address goes in brackets)", text, port)
		}
		*ports[i] = uint32(n)
	}
	return a, nil
}

// For gives the address of a datanode for a client, and whether a rule has one.
func (rs Rules) For(client netip.Addr, d Datanode) (Address, bool) {
	client = client.Unmap()
	for i := range rs {
		if r := &rs[i]; r.has(client) {
			return r.of(d)
		}
	}
	return Address{}, false
}

func (r *rule) has(client netip.Addr) bool {
	for _, n := range r.networks {
		if n.Contains(client) {
			return true
		}
	}
	return false
}

func (r *rule) of(d Datanode) (Address, bool) {
	port := ":" + strconv.FormatUint(uint64(d.Xfer), 10)
	for _, name := range []string{d.UUID, d.Hostname + port, d.IP + port, d.Hostname, d.IP} {
		if a, ok := r.named[name]; ok && name != "" {
			return a.or(d), true
		}
	}
	if r.others == nil {
		return Address{}, false
	}
	return r.others.or(d), true
}

// or fills in the ports that the rule leaves out.
func (a Address) or(d Datanode) Address {
	for _, p := range []struct {
		to   *uint32
		from uint32
	}{{&a.Xfer, d.Xfer}, {&a.Info, d.Info}, {&a.IPC, d.IPC}} {
		if *p.to == 0 {
			*p.to = p.from
		}
	}
	return a
}

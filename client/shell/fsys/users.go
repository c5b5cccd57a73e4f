package fsys

import (
	"io/fs"
	"os/user"
	"strconv"
	"sync"
)

// names turns the numbers of users and groups into names, each once.
type names struct {
	mu     sync.Mutex // guards the maps
	users  map[int]string
	groups map[int]string
}

func (n *names) fill(s *Status, i fs.FileInfo) {
	uid, gid, atime, ok := owner(i)
	if !ok {
		return
	}
	s.ATime = atime
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users == nil {
		n.users, n.groups = map[int]string{}, map[int]string{}
	}
	name, ok := n.users[uid]
	if !ok {
		name = strconv.Itoa(uid)
		if u, err := user.LookupId(name); err == nil {
			name = u.Username
		}
		n.users[uid] = name
	}
	s.Owner = name
	if name, ok = n.groups[gid]; !ok {
		name = strconv.Itoa(gid)
		if g, err := user.LookupGroupId(name); err == nil {
			name = g.Name
		}
		n.groups[gid] = name
	}
	s.Group = name
}

// uid is the number of a user, -1 for "" (leave it).
func (n *names) uid(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if id, ok := number(name); ok {
		return id, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(u.Uid)
}

func (n *names) gid(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if id, ok := number(name); ok {
		return id, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(g.Gid)
}

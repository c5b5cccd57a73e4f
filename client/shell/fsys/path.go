package fsys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/glob"
	"github.com/lodehq/lode/internal/conf"
)

// Item is a path of the command line or below one, with the file system it is on and what is there.
type Item struct {
	FS   FS
	Path string  // absolute
	Stat *Status // nil when nothing is there
	text string  // as the user knows it
}

// String is the path as the user knows it.
func (i *Item) String() string { return i.text }

// Exists says whether something is there.
func (i *Item) Exists() bool { return i.Stat != nil }

// IsDir says whether it is a directory.
func (i *Item) IsDir() bool { return i.Stat != nil && i.Stat.Dir }

// Name is the last element of the path.
func (i *Item) Name() string { return path.Base(i.Path) }

// URI is the path with its file system.
func (i *Item) URI() string { return i.FS.URI() + i.Path }

// Refresh looks again at what is there.
func (i *Item) Refresh(ctx context.Context) error {
	st, err := lookup(ctx, i.FS, i.Path)
	i.Stat = st
	return err
}

func lookup(ctx context.Context, f FS, p string) (*Status, error) {
	st, err := f.Stat(ctx, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return st, err
}

// childText is how the entry name of the directory is called.
func (i *Item) childText(name string) string {
	if i.text == "." {
		return name
	}
	if strings.HasSuffix(i.text, "/") {
		return i.text + name
	}
	return i.text + "/" + name
}

// Child is the entry of that name, looked up.
func (i *Item) Child(ctx context.Context, name string) (*Item, error) {
	if !i.Exists() {
		return nil, NotFound(i.text)
	}
	if !i.IsDir() {
		return nil, IsNotDir(i.text)
	}
	c := &Item{FS: i.FS, Path: path.Join(i.Path, name), text: i.childText(name)}
	return c, c.Refresh(ctx)
}

// Suffix is the path with something behind it, looked up only if look says so.
func (i *Item) Suffix(s string) *Item {
	return &Item{FS: i.FS, Path: i.Path + s, text: i.text + s}
}

// Children are the entries of the directory, in the file system's order.
func (i *Item) Children(ctx context.Context) ([]*Item, error) {
	if !i.Exists() {
		return nil, NotFound(i.text)
	}
	if !i.IsDir() {
		return nil, IsNotDir(i.text)
	}
	var out []*Item
	for st, err := range i.FS.List(ctx, i.Path) {
		if err != nil {
			return nil, err
		}
		out = append(out, &Item{FS: i.FS, Path: st.Path, Stat: st, text: i.childText(path.Base(st.Path))})
	}
	return out, nil
}

// LooksLikeDir says whether the text ends as only a directory's does.
func (i *Item) LooksLikeDir() bool {
	t := i.text
	return strings.HasSuffix(t, "/") || t == "." || t == ".." || strings.HasSuffix(t, "/.") || strings.HasSuffix(t, "/..")
}

// ParentExists says whether the directory above is there; for a path that ends like a directory, the path itself.
func (i *Item) ParentExists(ctx context.Context) (bool, error) {
	p := path.Dir(i.Path)
	if i.LooksLikeDir() {
		p = i.Path
	}
	st, err := lookup(ctx, i.FS, p)
	return st != nil, err
}

// World finds the file system behind a path and keeps those in use until Close.
type World struct {
	conf   *conf.Conf
	opts   client.Options
	local  *Local
	remote map[string]*HDFS
	def    string
}

// NewWorld makes one with the configuration's default file system. opts may have user, dialer and logger; addresses and
// configuration are filled in.
func NewWorld(c *conf.Conf, opts client.Options) *World {
	return &World{conf: c, opts: opts, local: NewLocal(), remote: map[string]*HDFS{}, def: c.String("fs.defaultFS")}
}

// Close ends the clients that were made.
func (w *World) Close() error {
	var errs []error
	for _, h := range w.remote {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}

// Local is the local disk.
func (w *World) Local() *Local { return w.local }

// split cuts a path into scheme, authority and path; only "scheme:/" begins a scheme.
func split(text string) (scheme, authority, p string) {
	colon, slash := strings.Index(text, ":"), strings.Index(text, "/")
	if colon > 0 && slash == colon+1 {
		scheme, text = text[:colon], text[colon+1:]
	}
	if strings.HasPrefix(text, "//") && len(text) > 2 {
		rest := text[2:]
		if i := strings.Index(rest, "/"); i >= 0 {
			return scheme, rest[:i], rest[i:]
		}
		return scheme, rest, ""
	}
	return scheme, "", text
}

// Find is the file system of a path that a user typed, and its absolute path there.
func (w *World) Find(text string) (FS, string, error) {
	if text == "" {
		return nil, "", errors.New("Can not create a Path from an empty string")
	}
	scheme, authority, p := split(text)
	f, err := w.fileSystem(scheme, authority)
	if err != nil {
		return nil, "", err
	}
	if !strings.HasPrefix(p, "/") {
		if scheme != "" && p == "" {
			p = "/"
		}
		p = path.Join(f.Home(), p)
	}
	return f, path.Clean(p), nil
}

// Default is the file system of paths without a scheme.
func (w *World) Default() (FS, error) { return w.fileSystem("", "") }

func (w *World) fileSystem(scheme, authority string) (FS, error) {
	if scheme == "" && authority == "" || scheme != "" && authority == "" && strings.HasPrefix(w.def, scheme+"://") {
		u, err := url.Parse(w.def)
		if err != nil {
			return nil, fmt.Errorf("fs.defaultFS = %q: %w", w.def, err)
		}
		scheme, authority = u.Scheme, u.Host
	} else if scheme == "" {
		scheme, _, _ = split(w.def)
	}
	switch scheme {
	case "file":
		return w.local, nil
	case "hdfs", "lode":
		return w.hdfs(scheme, authority)
	}
	return nil, fmt.Errorf("No FileSystem for scheme %q", scheme)
}

func (w *World) hdfs(scheme, authority string) (FS, error) {
	if h, ok := w.remote[authority]; ok {
		return h, nil
	}
	addresses, err := client.ResolveURI(w.conf, authority)
	if err != nil {
		return nil, err
	}
	o := w.opts
	o.Addresses, o.Conf = addresses, w.conf
	c, err := client.New(o)
	if err != nil {
		return nil, err
	}
	h := NewHDFS(c, scheme+"://"+authority)
	w.remote[authority] = h
	return h, nil
}

// Item looks up one path without wildcards.
func (w *World) Item(ctx context.Context, text string) (*Item, error) {
	f, p, err := w.Find(text)
	if err != nil {
		return nil, err
	}
	i := &Item{FS: f, Path: p, text: text}
	return i, i.Refresh(ctx)
}

// LocalItem looks up a path that is local unless it has a scheme.
func (w *World) LocalItem(ctx context.Context, text string) (*Item, error) {
	if scheme, _, _ := split(text); scheme != "" {
		return w.Item(ctx, text)
	}
	i := &Item{FS: w.local, Path: path.Join("/", text), text: text}
	if !strings.HasPrefix(text, "/") {
		i.Path = path.Join(w.local.Home(), text)
	}
	return i, i.Refresh(ctx)
}

// Expand finds what a pattern matches. A path without wildcards is answered even when nothing is there.
func (w *World) Expand(ctx context.Context, pattern string) ([]*Item, error) {
	f, p, err := w.Find(pattern)
	if err != nil {
		return nil, err
	}
	patterns, err := glob.Expand(p)
	if err != nil {
		return nil, err
	}
	var out []*Item
	wild := len(patterns) > 1
	for _, p := range patterns {
		items, w, err := expandOne(ctx, f, p)
		if err != nil {
			return nil, err
		}
		wild = wild || w
		out = append(out, items...)
	}
	if len(out) == 0 && !wild {
		lit, err := literal(p)
		if err != nil {
			return nil, err
		}
		return []*Item{{FS: f, Path: lit, text: pattern}}, nil
	}
	for _, i := range out {
		i.text = display(pattern, f, i.Path)
	}
	slices.SortStableFunc(out, func(a, b *Item) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(out, func(a, b *Item) bool { return a.Path == b.Path }), nil
}

// literal is what a pattern without wildcards stands for.
func literal(p string) (string, error) {
	m, err := glob.Compile(p)
	if err != nil {
		return "", err
	}
	if lit, ok := m.Literal(); ok {
		return lit, nil
	}
	return p, nil
}

// expandOne follows a pattern down the tree; wild says whether it has a wildcard.
func expandOne(ctx context.Context, f FS, pattern string) (out []*Item, wild bool, err error) {
	bases := []*Item{{FS: f, Path: "/"}}
	known := false // whether the bases were listed, hence exist
	parts := strings.Split(strings.Trim(pattern, "/"), "/")
	if strings.Trim(pattern, "/") == "" {
		parts = nil
	}
	for n, part := range parts {
		m, err := glob.Compile(part)
		if err != nil {
			return nil, wild, err
		}
		if lit, ok := m.Literal(); ok {
			for _, b := range bases {
				b.Path, b.Stat = path.Join(b.Path, lit), nil
			}
			known = false
			continue
		}
		wild, known = true, true
		var next []*Item
		for _, b := range bases {
			for st, err := range f.List(ctx, b.Path) {
				if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
					break
				}
				if err != nil {
					return nil, wild, err
				}
				if st.Path == b.Path { // a file lists itself
					break
				}
				if m.Match(path.Base(st.Path)) && (st.Dir || n == len(parts)-1) {
					next = append(next, &Item{FS: f, Path: st.Path, Stat: st})
				}
			}
		}
		bases = next
	}
	if known {
		return bases, wild, nil
	}
	for _, b := range bases {
		if err := b.Refresh(ctx); err != nil {
			return nil, wild, err
		}
		if b.Exists() {
			out = append(out, b)
		}
	}
	return out, wild, nil
}

// display writes a match in the form that its pattern has: with scheme, absolute, or relative.
func display(pattern string, f FS, p string) string {
	scheme, authority, rest := split(pattern)
	switch {
	case scheme != "":
		return scheme + "://" + authority + p
	case strings.HasPrefix(rest, "/"):
		return p
	}
	return relative(f.Home(), p)
}

// relative is p as seen from a directory.
func relative(from, p string) string {
	if from == p {
		return "."
	}
	if from == "/" {
		return strings.TrimPrefix(p, "/")
	}
	if rest, ok := strings.CutPrefix(p, from+"/"); ok {
		return rest
	}
	up := ""
	for from != "/" && p != from && !strings.HasPrefix(p, from+"/") {
		from, up = path.Dir(from), up+"../"
	}
	if p == from {
		return strings.TrimSuffix(up, "/")
	}
	return up + strings.TrimPrefix(strings.TrimPrefix(p, from), "/")
}

package client

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/lodehq/lode/client/glob"
)

// Glob finds the paths that match a pattern of Hadoop's language: * and ? within a path element, [a-z], [^a], {a,b/c}, and \
// before a character that stands for itself. The answer is sorted by path. A pattern without a wildcard answers the path itself
// if it is there. Nothing found is an empty answer and no error.
func (c *Client) Glob(ctx context.Context, pattern string) ([]*FileInfo, error) {
	patterns, err := glob.Expand(c.absPattern(pattern))
	if err != nil {
		return nil, pathError("glob", pattern, err)
	}
	var found []*FileInfo
	seen := map[string]bool{}
	for _, p := range patterns {
		infos, err := c.globOne(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, i := range infos {
			if !seen[i.path] {
				seen[i.path] = true
				found = append(found, i)
			}
		}
	}
	slices.SortFunc(found, func(a, b *FileInfo) int { return strings.Compare(a.path, b.path) })
	return found, nil
}

func (c *Client) absPattern(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = c.Home() + "/" + p
	}
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	if len(p) > 1 {
		p = strings.TrimSuffix(p, "/")
	}
	return p
}

// globOne follows a pattern without braces down the tree. Elements without a wildcard cost no call until one follows.
func (c *Client) globOne(ctx context.Context, pattern string) ([]*FileInfo, error) {
	parts := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	if pattern == "/" {
		parts = nil
	}
	bases := []string{""}
	for i, part := range parts {
		m, err := glob.Compile(part)
		if err != nil {
			return nil, pathError("glob", pattern, err)
		}
		lit, ok := m.Literal()
		if ok {
			for j := range bases {
				bases[j] += "/" + lit
			}
			continue
		}
		var next []string
		var infos []*FileInfo
		for _, b := range bases {
			for e, err := range c.List(ctx, "/"+strings.TrimPrefix(b, "/")) {
				if errors.Is(err, fs.ErrNotExist) {
					break
				}
				if err != nil {
					return nil, err
				}
				if e.path == b { // a file lists itself
					break
				}
				if m.Match(e.Name()) && (i == len(parts)-1 || e.IsDir()) {
					next, infos = append(next, e.path), append(infos, e)
				}
			}
		}
		if i == len(parts)-1 {
			return infos, nil
		}
		bases = next
	}
	var infos []*FileInfo
	for _, b := range bases {
		if b == "" {
			b = "/"
		}
		info, err := c.Stat(ctx, b)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

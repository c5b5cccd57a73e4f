package client

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"

	"google.golang.org/protobuf/proto"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Page is a part of a directory's listing, in the namenode's order (by name, bytes compared as signed numbers).
type Page struct {
	Entries   []*FileInfo
	Remaining int // entries after these, as the namenode counts them
}

// ReadDirPage lists the entries of a directory whose names come after startAfter ("" for the first), as many as the namenode
// sends at once (dfs.ls.limit). For a file it lists the file itself.
func (c *Client) ReadDirPage(ctx context.Context, name, startAfter string) (*Page, error) {
	p := c.abs(name)
	resp, err := c.nn.GetListing(ctx, &hdfspb.GetListingRequestProto{
		Src: str(p), StartAfter: []byte(startAfter), NeedLocation: proto.Bool(false),
	})
	if err != nil {
		return nil, pathError("readdir", p, err)
	}
	if resp.GetDirList() == nil {
		return nil, pathError("readdir", p, notFound(p))
	}
	list := resp.GetDirList().GetPartialListing()
	page := &Page{Entries: make([]*FileInfo, len(list)), Remaining: int(resp.GetDirList().GetRemainingEntries())}
	for i, st := range list {
		full := p
		if len(st.GetPath()) > 0 {
			full = path.Join(p, string(st.GetPath()))
		}
		page.Entries[i] = NewFileInfo(full, st)
	}
	return page, nil
}

// List goes through the entries of a directory, fetching pages as it goes. An error ends it.
func (c *Client) List(ctx context.Context, name string) iter.Seq2[*FileInfo, error] {
	return func(yield func(*FileInfo, error) bool) {
		after := ""
		for {
			page, err := c.ReadDirPage(ctx, name, after)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range page.Entries {
				if !yield(e, nil) {
					return
				}
				after = e.Name()
			}
			if page.Remaining == 0 || len(page.Entries) == 0 {
				return
			}
		}
	}
}

// ReadDir lists all entries of a directory.
func (c *Client) ReadDir(ctx context.Context, name string) ([]*FileInfo, error) {
	var all []*FileInfo
	for e, err := range c.List(ctx, name) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Walk calls fn for the path and everything below it, parents first, in listing order. fn may return fs.SkipDir or fs.SkipAll.
// An error of listing a directory goes to fn with that directory's FileInfo; what fn returns decides.
func (c *Client) Walk(ctx context.Context, root string, fn func(info *FileInfo, err error) error) error {
	info, err := c.Stat(ctx, root)
	if err != nil {
		return fn(nil, err)
	}
	err = c.walk(ctx, info, fn)
	if errors.Is(err, fs.SkipAll) || errors.Is(err, fs.SkipDir) {
		return nil
	}
	return err
}

func (c *Client) walk(ctx context.Context, info *FileInfo, fn func(*FileInfo, error) error) error {
	if err := fn(info, nil); err != nil || !info.IsDir() {
		return err
	}
	for e, err := range c.List(ctx, info.path) {
		if err != nil {
			err = fn(info, err)
		} else {
			err = c.walk(ctx, e, fn)
		}
		if errors.Is(err, fs.SkipDir) {
			if e != nil && e.IsDir() {
				continue
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

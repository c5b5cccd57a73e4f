//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/lodehq/lode/table/storage"
)

// fileCache keeps copies of immutable files on local disk. A name is looked up by path and size: the same path with
// another size is another file. A copy appears whole or not at all, so a cache directory survives any crash.
type fileCache struct {
	fs    storage.FS
	dir   string
	limit int64 // bytes to aim for; files in use are kept beyond it
	now   func() time.Time

	flight singleflight.Group
	mu     sync.Mutex           // guards used
	used   map[string]time.Time // by local path: when it was last part of a view
}

// grace is how long a file that left every view stays: a query that began before may still want to open it.
const grace = 10 * time.Minute

func newFileCache(fsys storage.FS, dir string, limit int64) (*fileCache, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("file cache: %w", err)
	}
	return &fileCache{fs: fsys, dir: dir, limit: limit, now: time.Now, used: map[string]time.Time{}}, nil
}

func (c *fileCache) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	h := hex.EncodeToString(sum[:20])
	return filepath.Join(c.dir, h[:2], h+".parquet")
}

// get answers the local path of a file, copying it first if needed.
func (c *fileCache) get(ctx context.Context, uri string, size int64) (string, error) {
	name, err := storage.Name(c.fs, uri)
	if err != nil {
		return "", err
	}
	return c.fill(ctx, fmt.Sprintf("%s\x00%d", name, size), func(w io.Writer) error {
		f, err := c.fs.Open(ctx, name)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.Copy(w, f)
		if err != nil {
			return err
		}
		if n != size {
			return fmt.Errorf("the file has %d bytes, the table says %d", n, size)
		}
		return nil
	})
}

// fill answers the local path of a key, and lets write make the file if it is not there.
func (c *fileCache) fill(ctx context.Context, key string, write func(io.Writer) error) (string, error) {
	path := c.path(key)
	_, err, _ := c.flight.Do(path, func() (any, error) {
		if _, err := os.Stat(path); err == nil {
			return nil, nil
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		tmp, err := os.CreateTemp(filepath.Dir(path), ".copy-*")
		if err != nil {
			return nil, err
		}
		err = write(tmp)
		err = errors.Join(err, tmp.Close())
		if err == nil {
			err = os.Rename(tmp.Name(), path)
		}
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
		return nil, err
	})
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	c.mu.Lock()
	c.used[path] = c.now()
	c.mu.Unlock()
	return path, nil
}

// trim removes what no view uses, oldest first, down to the limit.
func (c *fileCache) trim(inUse map[string]bool) error {
	type entry struct {
		path string
		size int64
		at   time.Time
	}
	var total int64
	var idle []entry
	now := c.now()
	c.mu.Lock()
	for path := range inUse {
		c.used[path] = now
	}
	c.mu.Unlock()
	err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		total += info.Size()
		c.mu.Lock()
		at, known := c.used[path]
		c.mu.Unlock()
		if !known {
			at = info.ModTime()
		}
		if now.Sub(at) > grace {
			idle = append(idle, entry{path, info.Size(), at})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("trim file cache: %w", err)
	}
	sort.Slice(idle, func(i, j int) bool { return idle[i].at.Before(idle[j].at) })
	for _, e := range idle {
		if total <= c.limit {
			break
		}
		if err := os.Remove(e.path); err != nil {
			return err
		}
		total -= e.size
		c.mu.Lock()
		delete(c.used, e.path)
		c.mu.Unlock()
	}
	return nil
}
